"""From an item's files to the judge's input: read, hash, decode, check, cut into tiles, preprocess.

Runs in worker processes, so everything here is picklable and nothing imports torch.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dpg_bench.files.borders import has_border
from dpg_bench.files.grid import Cut, choose_cut, grid_columns, grid_rows
from dpg_bench.files.image_content import UnusableImageError, open_image, read_image_file
from dpg_bench.files.images import ItemFiles

_MOST_IMAGES = 10_000  # in a file; 89 megapixels hold so many of 94 px


@dataclass(frozen=True, slots=True)
class TileJob:
    """What a worker is asked for: the tiles of one item.

    `known` are the digests that the item's answers were made with, one per image; if the files still have
    them, nothing needs to be decoded. None: there are no complete answers. `cuts` and `resolution` are those of
    `ImageFolder`.
    """

    item: ItemFiles
    images: int
    resolution: int | None
    preprocess: Callable[[Image.Image], NDArray[np.uint8]]
    known: tuple[str, ...] | None = None
    cuts: Mapping[tuple[int, int], Cut] | None = None


@dataclass(frozen=True, slots=True)
class ItemTiles:
    """An item's images, preprocessed: for each the SHA-256 (hex) of its file, and uint8 pixels (height, width, 3).

    `pixels` is empty if the digests are those that the job knew.
    """

    item_id: str
    digests: tuple[str, ...]
    pixels: tuple[NDArray[np.uint8], ...]


def read_tiles(job: TileJob) -> ItemTiles:
    """Do a job. Each file is read once.

    Raises UnusableImageError if a file can't be read, is no image that has exact 8-bit RGB values, or doesn't
    have the size of its tiles; whatever `preprocess` raises is passed on.
    """
    per_file = job.images // len(job.item.files)
    if per_file > _MOST_IMAGES:
        raise UnusableImageError(f"{job.item.files[0]} can't hold {per_file} images.")
    contents = [(path, read_image_file(path)) for path in job.item.files]
    digests = tuple(digest for _, content in contents for digest in [hashlib.sha256(content).hexdigest()] * per_file)
    if digests == job.known:
        return ItemTiles(job.item.item_id, digests, ())
    pixels = [
        job.preprocess(tile)
        for path, content in contents
        for tile in _tiles(open_image(content, path), per_file, job, path)
    ]
    return ItemTiles(job.item.item_id, digests, tuple(pixels))


def _tiles(image: Image.Image, images: int, job: TileJob, path: Path) -> list[Image.Image]:
    """The tiles of a file in row-major order.

    Raises UnusableImageError if its size fits no grid of so many images, or its border is none. The official script
    would fill what lies outside the image with black, and leave unread what lies outside the tiles.
    """
    cuts = job.cuts
    cut = choose_cut(image.size, images, resolution=job.resolution) if cuts is None else cuts.get(image.size)
    if cut is None:
        raise UnusableImageError(f"{path} is {image.width} × {image.height} px, but should hold {_wanted(images, job)}")
    if not has_border(image, cut):
        raise UnusableImageError(
            f"{path} should be {cut}, like other files of its size, but its border is not of one colour. The "
            "setting border takes its width in pixels, or 0 if there is none."
        )
    return [image.crop(box) for box in cut.boxes(images)]


def _wanted(images: int, job: TileJob) -> str:
    columns, rows, side = grid_columns(images), grid_rows(images), job.resolution
    size = f" of {side} × {side} px" if side else ""
    what = f"one image{size}" if images == 1 else f"{images} images{size} in {columns} columns and {rows} rows"
    whole = f", which is {columns * side} × {rows * side} px" if side and images > 1 else ""
    return f"{what}{whole}. Settings that decide this: images per prompt, grid, border, resolution."
