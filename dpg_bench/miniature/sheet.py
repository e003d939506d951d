"""Pictures side by side in one, enlarged without smoothing, to look at."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from dpg_bench.miniature.drawing.picture import draw
from dpg_bench.miniature.suite import Item

_GAP = 6
_CELL, _TITLE = 224, 24


def contact_sheet(pictures: Sequence[Image.Image], *, columns: int, enlarge: int = 2) -> Image.Image:
    """`pictures`, all of one size and at least one, row by row."""
    width, height = (side * enlarge + _GAP for side in pictures[0].size)
    rows = -(-len(pictures) // columns)
    sheet = Image.new("RGB", (columns * width + _GAP, rows * height + _GAP), (255, 255, 255))
    for number, picture in enumerate(pictures):
        larger = picture.resize((width - _GAP, height - _GAP), Image.Resampling.NEAREST)
        sheet.paste(larger, (number % columns * width + _GAP, number // columns * height + _GAP))
    return sheet


def side_by_side(runs: Sequence[Path], items: Sequence[Item]) -> Image.Image:
    """A row for each prompt: its text, what it describes, drawn, and the grid of each run, all of one size.

    Raises FileNotFoundError if a run has no image of a prompt.
    """
    titles = ["", "drawn", *(run.name for run in runs)]
    sheet = Image.new("RGB", (len(titles) * (_CELL + _GAP), _TITLE + len(items) * (_CELL + _GAP)), "white")
    pen = ImageDraw.Draw(sheet)
    for column, title in enumerate(titles):
        pen.text((column * (_CELL + _GAP), 2), title, fill="black", font=ImageFont.load_default(_TITLE - 8))
    for row, item in enumerate(items):
        top = _TITLE + row * (_CELL + _GAP)
        text = "\n".join(textwrap.wrap(item.caption.text, 36))
        pen.multiline_text((4, top), text, fill="black", font=ImageFont.load_default(12))
        grids = [Image.open(run / "images" / f"{item.item_id}.png").convert("RGB") for run in runs]
        for column, picture in enumerate([draw(item.scene, f"render {item.item_id}"), *grids], start=1):
            sheet.paste(picture.resize((_CELL, _CELL), Image.Resampling.LANCZOS), (column * (_CELL + _GAP), top))
    return sheet
