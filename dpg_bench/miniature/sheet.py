"""Pictures side by side in one, enlarged without smoothing, to look at."""

from __future__ import annotations

from collections.abc import Sequence

from PIL import Image

_GAP = 6


def contact_sheet(pictures: Sequence[Image.Image], *, columns: int, enlarge: int = 2) -> Image.Image:
    """`pictures`, all of one size and at least one, row by row."""
    width, height = (side * enlarge + _GAP for side in pictures[0].size)
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * width + _GAP, rows * height + _GAP), (255, 255, 255))
    for number, picture in enumerate(pictures):
        larger = picture.resize((width - _GAP, height - _GAP), Image.Resampling.NEAREST)
        sheet.paste(larger, (number % columns * width + _GAP, number // columns * height + _GAP))
    return sheet
