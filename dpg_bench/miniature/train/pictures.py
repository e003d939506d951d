"""Pictures as tensors, and back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def pixels_of(pictures: Sequence[Image.Image]) -> Tensor:
    """RGB pictures of one size → uint8 (N, height, width, 3)."""
    return torch.from_numpy(np.stack([np.asarray(picture) for picture in pictures]))


def signed(pixels: Tensor) -> Tensor:
    """uint8 (N, height, width, 3) → float32 (N, 3, height, width) in [-1, 1], as autoencoders see pictures."""
    return pixels.permute(0, 3, 1, 2).float() / 127.5 - 1


def levels(planes: Tensor) -> Tensor:
    """The way back from `signed`, rounded and cut off."""
    return ((planes + 1) * 127.5).round().clamp(0, 255).byte().permute(0, 2, 3, 1)
