"""How the images of one item lie in one file: a grid in row-major order, as the official script crops it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image


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
