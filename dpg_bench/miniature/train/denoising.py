"""Stable Diffusion 1.5's noise in small, and the error that its models are trained on.

The noise schedule ends at 0.02 rather than 0.012: with so few latents, what remains of the picture at the last step
would else tell its brightness, which pure noise at the start of sampling doesn't, and night scenes came out grey.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

WIDTH = 128
"""Of what the U-Net is told by: CLIP's states, and later the connector's tokens."""

_MOST_WEIGHT = 5.0
_MOST_OF_NOISE = 10.0


def new_scheduler() -> Any:
    """Stable Diffusion 1.5's scheduler, but for its last noise level."""
    from diffusers import PNDMScheduler

    return PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.02,
        beta_schedule="scaled_linear",
        num_train_timesteps=1000,
        skip_prk_steps=True,
        set_alpha_to_one=False,
        steps_offset=1,
    )


@dataclass(frozen=True, slots=True)
class Noised:
    """Latents with noise: `noisy` and `noise` (N, 4, H, W), the `steps` of the noise and the errors' `weights`, (N)."""

    noisy: Tensor
    noise: Tensor
    steps: Tensor
    weights: Tensor


def noised(scheduler: Any, latents: Tensor) -> Noised:
    """Scaled latents (N, 4, H, W) at steps of noise drawn at random.

    The weights are min(SNR, 5) / SNR (Hang et al., arXiv 2303.09556) over the square root of the signal's share, at
    most 10: much noise, where it is decided what is drawn, counts for more.
    """
    noise = torch.randn_like(latents)
    signal = scheduler.alphas_cumprod.to(latents.device)
    steps = torch.randint(len(signal), (len(latents),), device=latents.device)
    share = signal[steps]
    ratio = share / (1 - share)
    weights = ratio.clamp(max=_MOST_WEIGHT) / ratio * share.rsqrt().clamp(max=_MOST_OF_NOISE)
    return Noised(scheduler.add_noise(latents, noise, steps), noise, steps, weights)


def weighted(predicted: Tensor, wanted: Tensor, weights: Tensor) -> Mapping[str, Tensor]:
    """The error of predicted noise (N, 4, H, W): weighted as the loss, and plain."""
    error = (predicted - wanted).square().mean((1, 2, 3))
    return {"loss": (weights * error).mean(), "error": error.mean()}
