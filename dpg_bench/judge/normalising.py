"""Pixels to the numbers that CLIP's family of image encoders reads: mPLUG, BLIP-VQA and CLIP itself."""

from __future__ import annotations

import torch
from torch import Tensor

_MEAN = (0.48145466, 0.4578275, 0.40821073)
_STD = (0.26862954, 0.26130258, 0.27577711)


def normalise(pixels: Tensor) -> Tensor:
    """uint8 (B, height, width, 3) → float32 (B, 3, height, width), CLIP's mean and deviation taken out."""
    mean = torch.tensor(_MEAN, device=pixels.device)
    std = torch.tensor(_STD, device=pixels.device)
    return pixels.float().div(255).sub(mean).div(std).permute(0, 3, 1, 2)
