"""From an item's files to the judge's input: read, hash, decode, check, cut into tiles, preprocess.

Runs in worker processes, so everything here is picklable and nothing imports torch.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from dpg_bench.errors import BadInputError
from dpg_bench.files.grid import grid_columns, grid_rows
from dpg_bench.files.images import ItemFiles

_PNG_DEPTH_BYTE = 24  # in the header that every PNG begins with (PNG specification, 11.2.1 IHDR)


class UnusableImageError(BadInputError):
    """An image file that can't be judged; the message names the file and says why."""


@dataclass(frozen=True, slots=True)
class TileJob:
    """What a worker is asked for: the tiles of one item.

    `known` are the digests that the item's answers were made with, one per image; if the files still have
    them, nothing needs to be decoded. None: there are no complete answers.
    """

    item: ItemFiles
    images: int
    resolution: int | None
    preprocess: Callable[[Image.Image], NDArray[np.uint8]]
    known: tuple[str, ...] | None = None


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
    contents = [(path, _read(path)) for path in job.item.files]
    digests = tuple(digest for _, content in contents for digest in [hashlib.sha256(content).hexdigest()] * per_file)
    if digests == job.known:
        return ItemTiles(job.item.item_id, digests, ())
    pixels = [
        job.preprocess(tile)
        for path, content in contents
        for tile in cut_tiles(open_image(content, path), per_file, job.resolution, path)
    ]
    return ItemTiles(job.item.item_id, digests, tuple(pixels))


def cut_tiles(image: Image.Image, images: int, resolution: int | None, path: Path) -> list[Image.Image]:
    """The `images` square tiles of a grid, in row-major order; `resolution` is their side, None: the grid's own.

    Raises UnusableImageError if `image` is not exactly such a grid. The official script would fill what lies
    outside the image with black, and leave unread what lies outside the tiles.
    """
    columns, rows = grid_columns(images), grid_rows(images)
    side = resolution or max(1, image.width // columns)
    if image.size != (columns * side, rows * side):
        grid = "one square image" if images == 1 else f"{images} square images in {columns} columns and {rows} rows"
        size = f" of {resolution} px, which is {columns * side} × {rows * side} px" if resolution else ""
        raise UnusableImageError(
            f"{path} is {image.width} × {image.height} px, but should hold {grid}{size}. "
            "See --images-per-prompt and --resolution."
        )
    corners = [divmod(index, columns) for index in range(images)]
    return [image.crop((column * side, row * side, (column + 1) * side, (row + 1) * side)) for row, column in corners]


def open_image(content: bytes, path: Path) -> Image.Image:
    """The content of a PNG, JPEG or WebP file → 8-bit RGB image.

    Palette and grey are expanded and an alpha channel is dropped, as `Image.convert("RGB")` does and with it the
    official judge. Its conversions of 16-bit and CMYK images are wrong (clipped, and without a colour profile),
    so these are refused instead.

    Raises UnusableImageError for those, for an animation, for an image so large that it may be a decompression
    bomb (Pillow's limit, 89 megapixels), and for anything that doesn't decode. `path` is for the message.
    """
    try:
        image = Image.open(io.BytesIO(content), formats=("PNG", "JPEG", "WEBP"))
        _refuse_unsuitable(image, content, path)
        image.load()
        # Converting a palette that has transparency straight to RGB gives the same pixels and a warning.
        return (image.convert("RGBA") if "transparency" in image.info else image).convert("RGB")
    except UnusableImageError:
        raise
    except (Image.DecompressionBombError, Image.DecompressionBombWarning):
        raise UnusableImageError(_too_large(path)) from None
    except UnidentifiedImageError:
        raise UnusableImageError(f"{path} is no PNG, JPEG or WebP image, or its header is damaged.") from None
    except Exception as error:
        # Pillow's decoders raise whatever their parsing runs into: OSError, SyntaxError, struct.error, zlib.error, …
        raise UnusableImageError(f"{path} is a damaged image: {error}.") from error


def _refuse_unsuitable(image: Image.Image, content: bytes, path: Path) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    if limit is not None and image.width * image.height > limit:
        raise UnusableImageError(_too_large(path))
    if getattr(image, "n_frames", 1) > 1:
        raise UnusableImageError(f"{path} is animated or holds several pictures; save a single one.")
    if (image.format == "PNG" and content[_PNG_DEPTH_BYTE] == 16) or image.mode.startswith(("I", "F")):
        raise UnusableImageError(f"{path} has 16 bits a channel; convert it to 8 bits, the judge reads no more.")
    if image.mode == "CMYK":
        raise UnusableImageError(f"{path} is CMYK; convert it to RGB with its colour profile.")


def _too_large(path: Path) -> str:
    return f"{path} is larger than {Image.MAX_IMAGE_PIXELS} pixels, which may be a decompression bomb; scale it down."


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise UnusableImageError(f"{path} can't be read: {error.strerror}.") from error
