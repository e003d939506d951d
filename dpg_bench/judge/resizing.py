"""Tiles to a judge's input, by Pillow's bicubic, on any CPU core. Imports no torch."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True, slots=True)
class Squash:
    """Resizes an image to `side` × `side`, its aspect ratio not kept. Picklable, for worker processes."""

    side: int

    def __call__(self, image: Image.Image) -> NDArray[np.uint8]:
        """PIL image → uint8 (side, side, 3)."""
        squashed = image.convert("RGB").resize((self.side, self.side), Image.Resampling.BICUBIC)
        return np.asarray(squashed, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class Shrink:
    """Scales an image down to at most `max_pixels`, its aspect ratio kept; None: never. Picklable as well."""

    max_pixels: int | None

    def __call__(self, image: Image.Image) -> NDArray[np.uint8]:
        """PIL image → uint8 (height, width, 3)."""
        rgb = image.convert("RGB")
        if self.max_pixels is not None and rgb.width * rgb.height > self.max_pixels:
            scale = math.sqrt(self.max_pixels / (rgb.width * rgb.height))
            size = (max(1, math.floor(rgb.width * scale)), max(1, math.floor(rgb.height * scale)))
            rgb = rgb.resize(size, Image.Resampling.BICUBIC)
        return np.asarray(rgb, dtype=np.uint8)


@dataclass(frozen=True, slots=True)
class CentreSquare:
    """Scales an image's shorter side to `side`, and cuts the middle out. Picklable as well."""

    side: int

    def __call__(self, image: Image.Image) -> NDArray[np.uint8]:
        """PIL image → uint8 (side, side, 3)."""
        rgb = image.convert("RGB")
        shorter = min(rgb.size)
        width, height = (int(self.side * length / shorter) for length in rgb.size)
        scaled = rgb.resize((width, height), Image.Resampling.BICUBIC)
        left, upper = round((width - self.side) / 2), round((height - self.side) / 2)
        return np.asarray(scaled.crop((left, upper, left + self.side, upper + self.side)), dtype=np.uint8)
