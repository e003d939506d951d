"""Images as training takes them: checked, resized so that they cover their size, and cropped at the centre.

Source: IP-Adapter's training loop, which ELLA's authors name: shorter side to 512, bilinear, centre crop, [-1, 1].
"""

from __future__ import annotations

import io
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor

from ella_models.training.config import DataSection
from ella_models.training.pairs import Pair

_FORMATS = ("PNG", "JPEG", "WEBP", "BMP", "GIF", "TIFF")  # of Pillow's many, some of which start other programs


class SkippedPair(Exception):  # noqa: N818 - a pair left out, which is no failure of the run
    """A pair that training leaves out, with the reason."""


@dataclass(frozen=True, slots=True, order=True)
class Size:
    """Pixels of a picture."""

    height: int
    width: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A pair that is ready to be encoded: `pixels` (3, height, width) uint8, and its caption."""

    key: str
    pixels: Tensor
    caption: str

    @property
    def size(self) -> Size:
        """Pixels of the picture."""
        return Size(*self.pixels.shape[1:])


def bucket_sizes(resolution: int, step: int) -> list[Size]:
    """The sizes of aspect buckets: sides in multiples of `step` from half to twice the resolution, at most its area."""
    sizes = {Size(resolution, resolution)}
    for side in range(max(step, resolution // 2 // step * step), 2 * resolution + 1, step):
        other = min(2 * resolution, resolution**2 // side // step * step)
        if other >= step and max(side, other) <= 2 * min(side, other):
            sizes |= {Size(side, other), Size(other, side)}
    return sorted(sizes)


def picture_of(pair: Pair, data: DataSection) -> Picture:
    """Decode and crop a pair's image.

    Raises SkippedPair, with the reason, for a pair without image or caption, a broken image and a too small one.
    """
    if pair.caption is None or not pair.caption.strip():
        raise SkippedPair("no caption")
    upright = opened(pair)
    shorter = min(upright.size)
    smallest = data.resolution if data.min_side is None else data.min_side
    if shorter < smallest:
        raise SkippedPair(f"its shorter side has {shorter} px, fewer than {smallest}")
    size = Size(data.resolution, data.resolution)
    if data.crop == "buckets":
        aspect = math.log(upright.width / upright.height)
        sizes = bucket_sizes(data.resolution, data.bucket_step)
        size = min(
            sizes, key=lambda size: (abs(math.log(size.width / size.height) - aspect), -size.width * size.height)
        )
    cropped = ImageOps.fit(upright, (size.width, size.height), Image.Resampling.BILINEAR)
    pixels = torch.from_numpy(np.array(cropped)).permute(2, 0, 1).contiguous()
    return Picture(pair.key, pixels, pair.caption)


def opened(pair: Pair) -> Image.Image:
    """A pair's whole image, upright and in RGB, what is transparent on white.

    Raises SkippedPair, with the reason, for a pair without image and a broken one.
    """
    if pair.image is None:
        raise SkippedPair("no image")
    if isinstance(pair.image, Path) and pair.image.exists() and not pair.image.is_file():
        raise SkippedPair(f"{pair.image.name} is no file but a folder, a pipe or a device")
    try:
        if isinstance(pair.image, Image.Image):
            return _in_colour(ImageOps.exif_transpose(pair.image))
        content = io.BytesIO(pair.image) if isinstance(pair.image, bytes) else pair.image
        with Image.open(content, formats=_FORMATS) as image:
            return _in_colour(ImageOps.exif_transpose(image))
    except Exception as error:
        # Pillow's decoders raise whatever their parsing runs into: OSError, SyntaxError, struct.error, EOFError, …
        name = pair.image.name if isinstance(pair.image, Path) else "image"
        raise SkippedPair(f"{name} can't be read: {_one_line(error)}") from error


def _in_colour(image: Image.Image) -> Image.Image:
    if image.mode in {"RGBA", "LA", "PA"} or "transparency" in image.info:
        clear = image.convert("RGBA")
        white = Image.new("RGBA", clear.size, "white")
        return Image.alpha_composite(white, clear).convert("RGB")
    return image.convert("RGB")


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split()) or type(error).__name__
