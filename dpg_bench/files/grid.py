"""How the images of one item lie in one file: a grid in row-major order, as the official script crops it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class Cut:
    """Where the images of one file lie: `columns` × `rows` tiles of `width` × `height` px, row by row.

    `margin` px of border lie around the whole and `gap` px between the tiles: torchvision's `make_grid` has both equal.
    """

    columns: int
    rows: int
    width: int
    height: int
    margin: int = 0
    gap: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of the file that is cut so."""
        return (
            2 * self.margin + self.columns * (self.width + self.gap) - self.gap,
            2 * self.margin + self.rows * (self.height + self.gap) - self.gap,
        )

    @property
    def square(self) -> bool:
        """Whether a tile is as wide as high, as the official script takes for granted."""
        return self.width == self.height

    def boxes(self, images: int) -> Iterator[tuple[int, int, int, int]]:
        """Left, upper, right and lower edge of the first `images` tiles."""
        for index in range(images):
            row, column = divmod(index, self.columns)
            left = self.margin + column * (self.width + self.gap)
            upper = self.margin + row * (self.height + self.gap)
            yield left, upper, left + self.width, upper + self.height

    def __str__(self) -> str:
        """In words."""
        tile = f"{self.width} × {self.height} px"
        if self.columns == self.rows == 1 and not self.margin:
            return tile
        border = f", a border of {self.margin} px around" if self.margin else ""
        between = f"{' and' if border else ','} {self.gap} px between them" if self.gap else ""
        return f"{self.columns} × {self.rows} of {tile}{border}{between}"


def choose_cut(
    size: tuple[int, int],
    images: int,
    *,
    grid: tuple[int, int] | None = None,
    resolution: int | None = None,
    margin: int = 0,
    gap: int = 0,
) -> Cut | None:
    """The cut of a file of `size` px that holds `images`; None if none fits.

    `grid` are its columns and rows, `resolution` the side of a tile; None: of all shapes that hold as many images as
    they have places, and of the official one, the shape whose tiles are nearest to a square, the official one first.
    """
    if images > size[0] * size[1]:
        return None
    shapes = [grid] if grid is not None else _shapes(images)
    cuts = [cut for columns, rows in shapes if (cut := _fitted(size, columns, rows, margin, gap)) is not None]
    if resolution is not None:
        cuts = [cut for cut in cuts if cut.width == cut.height == resolution]
    return min(cuts, key=lambda cut: abs(math.log(cut.width / cut.height)), default=None)


def _shapes(images: int) -> list[tuple[int, int]]:
    official = (grid_columns(images), grid_rows(images))
    exact = [(columns, images // columns) for columns in range(1, math.isqrt(images) + 1) if images % columns == 0]
    return list(dict.fromkeys([official, *((rows, columns) for columns, rows in exact), *exact]))


def _fitted(size: tuple[int, int], columns: int, rows: int, margin: int, gap: int) -> Cut | None:
    width, rest = divmod(size[0] - 2 * margin + gap, columns)
    height, below = divmod(size[1] - 2 * margin + gap, rows)
    if rest or below or width <= gap or height <= gap:
        return None
    return Cut(columns, rows, width - gap, height - gap, margin, gap)


def grid_columns(images: int) -> int:
    """The columns of a grid of `images` (≥ 1): the smallest square that holds them, so 4 images make 2×2."""
    return math.isqrt(images - 1) + 1


def grid_rows(images: int) -> int:
    """The rows of a grid of `images` (≥ 1): as many as its columns need."""
    return -(-images // grid_columns(images))


def make_grid(images: Sequence[Image.Image]) -> Image.Image:
    """RGB images of one size → one RGB grid; cells left over are black.

    Raises ValueError if there is no image or their sizes differ.
    """
    from PIL import Image

    sizes = {image.size for image in images}
    if len(sizes) != 1:
        raise ValueError(f"a grid needs images of one size, got {sorted(sizes)}")
    width, height = sizes.pop()
    columns = grid_columns(len(images))
    grid = Image.new("RGB", (columns * width, grid_rows(len(images)) * height))
    for index, image in enumerate(images):
        row, column = divmod(index, columns)
        grid.paste(image, (column * width, row * height))
    return grid
