"""Borders around the images of a grid, as torchvision's `make_grid` draws them (2 px of black unless told otherwise).

A border is known by pixels: rows and columns of one colour all around the grid and between its tiles, of one width,
at the same places in every file of a size. A picture's own frame doesn't look like this: between two pictures it is
twice as wide as at the edge.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dpg_bench.files.grid import Cut, choose_cut

USUAL = 2  # px, torchvision.utils.make_grid's padding
_GENERATED = 8  # px; sides of generated images are multiples of this
_LOSSY = 24.0  # mean difference from the border's colour that JPEG and WebP are allowed
_WIDTHS = (*range(1, 9), 10, 12, 16, 20, 32)  # px, looked for where compression has blurred the border


@dataclass(frozen=True, slots=True)
class Stripes:
    """Which columns and rows of an image are of one `colour` throughout, that of the first such."""

    colour: tuple[int, ...]
    columns: NDArray[np.bool_]
    rows: NDArray[np.bool_]


def find_border(pictures: Sequence[Image.Image], wanted: int, *, lossless: bool) -> Cut | None:
    """The cut that borders show in RGB `pictures` of one size, grids of at least `wanted`; None if they show none.

    `lossless` False: as JPEG and WebP leave borders.
    """
    if not pictures or wanted < 2:
        return None
    found = _from_stripes(pictures, wanted) if lossless else None
    if found is None and (not lossless or needs_telling(pictures[0].size, wanted)):
        found = _from_guesses(pictures, wanted)  # files that were compressed once may have been saved as others since
    return found


def filled_tiles(pictures: Sequence[Image.Image], cut: Cut) -> int:
    """How many tiles of a bordered grid hold an image: all but the last that are of the border's colour everywhere."""
    boxes = list(cut.boxes(cut.columns * cut.rows))
    while len(boxes) > 1 and all(_is_blank(picture, boxes[-1], cut) for picture in pictures):
        boxes.pop()
    return len(boxes)


def _is_blank(picture: Image.Image, box: tuple[int, int, int, int], cut: Cut) -> bool:
    left, upper, right, lower = box
    pixels = np.asarray(picture)
    return bool((pixels[upper:lower, left:right] == np.median(_border_pixels(pixels, cut), axis=0)).all())


def needs_telling(size: tuple[int, int], wanted: int) -> bool:
    """Whether files of `size` look like grids with the usual border by their size alone."""
    plain = choose_cut(size, wanted)
    bordered = choose_cut(size, wanted, margin=USUAL, gap=USUAL)
    return bordered is not None and is_generated(bordered) and (plain is None or not is_generated(plain))


def has_border(image: Image.Image, cut: Cut) -> bool:
    """Whether the border that `cut` speaks of is of one colour in `image`, but for what compression does to it."""
    if not cut.margin and not cut.gap:
        return True
    border = _border_pixels(np.asarray(image), cut)
    colour = np.median(border, axis=0)
    return bool(np.abs(border - colour).max(axis=1).mean() <= _LOSSY)


def _from_stripes(pictures: Sequence[Image.Image], wanted: int) -> Cut | None:
    stripes = [_stripes(picture) for picture in pictures]
    telling = [one for one in stripes if not (one.columns.all() or one.rows.all())]
    if not telling or len({one.colour for one in telling}) > 1:
        return None
    across = _runs(np.logical_and.reduce([one.columns for one in telling]))
    down = _runs(np.logical_and.reduce([one.rows for one in telling]))
    if across is None or down is None or across.margin != down.margin:
        return None
    gaps = {axis.gap for axis in (across, down) if axis.tiles > 1}
    if len(gaps) > 1 or across.tiles * down.tiles < wanted:
        return None
    gap = gaps.pop() if gaps else 0
    size = pictures[0].size
    if gap == 2 * across.margin and choose_cut(size, wanted, grid=(across.tiles, down.tiles)) is not None:
        return None  # the frames of pictures that lie side by side
    cut = Cut(across.tiles, down.tiles, across.side, down.side, across.margin, gap)
    return cut if cut.size == size and (cut.margin or cut.gap) else None


@dataclass(frozen=True, slots=True)
class _Axis:
    """What the stripes along one side say: `tiles` of `side` px, `margin` px before and after, `gap` px between."""

    tiles: int
    side: int
    margin: int
    gap: int


def _runs(stripes: NDArray[np.bool_]) -> _Axis | None:
    """The regular order of stripes; None if there is none."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], stripes, [False]]).astype(np.int8)))
    starts, ends = edges[::2].tolist(), edges[1::2].tolist()
    before = ends[0] if starts and starts[0] == 0 else 0
    after = len(stripes) - starts[-1] if ends and ends[-1] == len(stripes) else 0
    inner = [(start, end) for start, end in zip(starts, ends, strict=True) if start > 0 and end < len(stripes)]
    gaps = {end - start for start, end in inner}
    bounds = [before, *(edge for pair in inner for edge in pair), len(stripes) - after]
    sides = {end - start for start, end in zip(bounds[::2], bounds[1::2], strict=True)}
    if before != after or len(gaps) > 1 or len(sides) != 1:
        return None
    return _Axis(len(inner) + 1, sides.pop(), before, gaps.pop() if gaps else 0)


def _stripes(picture: Image.Image) -> Stripes:
    pixels = np.asarray(picture)
    columns = np.flatnonzero((pixels == pixels[:1]).all(axis=(0, 2)))
    rows = np.flatnonzero((pixels == pixels[:, :1]).all(axis=(1, 2)))
    colour = pixels[0, columns[0]] if len(columns) else pixels[rows[0], 0] if len(rows) else pixels[0, 0]
    same = (pixels == colour).all(axis=2)
    return Stripes(tuple(colour.tolist()), same.all(axis=0), same.all(axis=1))


def _from_guesses(pictures: Sequence[Image.Image], wanted: int) -> Cut | None:
    size = pictures[0].size
    telling = [picture for picture in pictures if not _is_flat(picture)]
    if not telling:
        return None
    plain = choose_cut(size, wanted)
    # A border that leaves tiles of a usual side, with or without it, is as wide as two such steps.
    usual = plain is not None and is_generated(plain)
    widths = (16, 32) if usual else _WIDTHS
    cuts = [cut for width in widths if (cut := choose_cut(size, wanted, margin=width, gap=width)) is not None]
    return next(
        (
            cut
            for cut in sorted(cuts, key=lambda cut: (not is_generated(cut), cut.margin))
            if all(has_border(picture, cut) for picture in telling)
            and ((is_generated(cut) and not usual) or _ends_at_tiles(telling, cut))
        ),
        None,
    )


def _ends_at_tiles(pictures: Sequence[Image.Image], cut: Cut) -> bool:
    """Whether every tile begins with other colours than the border's on all four sides: else it would be wider."""
    boxes = list(cut.boxes(cut.columns * cut.rows))
    inside = np.zeros((len(boxes), 4))
    for picture in pictures:
        pixels = np.asarray(picture)
        colour = np.median(_border_pixels(pixels, cut), axis=0)
        for place, (left, upper, right, lower) in enumerate(boxes):
            tile = np.abs(pixels[upper:lower, left:right].astype(np.float32) - colour).max(axis=2)
            inside[place] += [tile[:, :2].mean(), tile[:, -2:].mean(), tile[:2].mean(), tile[-2:].mean()]
    return bool((inside > _LOSSY * len(pictures)).all())


def is_generated(cut: Cut) -> bool:
    """Whether tiles have such sides as models make."""
    return cut.width % _GENERATED == 0 and cut.height % _GENERATED == 0


def _is_flat(picture: Image.Image) -> bool:
    """Whether a picture is nearly of one colour, so that it shows no border."""
    pixels = np.asarray(picture).astype(np.float32)
    return bool(np.abs(pixels - np.median(pixels, axis=(0, 1))).max(axis=2).mean() <= _LOSSY)


def _border_pixels(pixels: NDArray[np.uint8], cut: Cut) -> NDArray[np.float32]:
    """The pixels outside all tiles, (number, 3)."""
    outside = np.ones(pixels.shape[:2], dtype=bool)
    for left, upper, right, lower in cut.boxes(cut.columns * cut.rows):
        outside[upper:lower, left:right] = False
    return pixels[outside].astype(np.float32)
