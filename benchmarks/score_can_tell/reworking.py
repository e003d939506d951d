"""What may lie between a scene and the picture that the judge sees: nothing, the autoencoder, blur, noise."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from PIL import Image, ImageFilter

from dpg_bench.hub.cache import shipped_folder

Rework = Callable[[Image.Image], Image.Image]

BLUR_RADIUS = 1.2
NOISE_LEVELS = 50


def as_drawn(picture: Image.Image) -> Image.Image:
    """The picture itself."""
    return picture


def blurred(picture: Image.Image) -> Image.Image:
    """A Gaussian blur of `BLUR_RADIUS` px."""
    return picture.filter(ImageFilter.GaussianBlur(BLUR_RADIUS))


def noisy(picture: Image.Image) -> Image.Image:
    """Gaussian noise, sd `NOISE_LEVELS` of 255, the same one for the same picture."""
    pixels = np.asarray(picture).astype(np.float64)
    rng = np.random.default_rng(int(pixels.sum()))
    noise = rng.normal(0, NOISE_LEVELS, pixels.shape)
    return Image.fromarray((pixels + noise).round().clip(0, 255).astype(np.uint8))


def through_autoencoder() -> Rework:
    """To mini-sd15's latents and back."""
    import torch
    from diffusers import AutoencoderKL

    from dpg_bench.miniature.train.pictures import levels, pixels_of, signed

    vae: Any = AutoencoderKL.from_pretrained(shipped_folder("weights") / "mini-sd15" / "vae", torch_dtype=torch.float32)
    vae.eval()

    @torch.no_grad()
    def rework(picture: Image.Image) -> Image.Image:
        latents = vae.encode(signed(pixels_of([picture]))).latent_dist.mean
        return Image.fromarray(levels(vae.decode(latents).sample)[0].numpy())

    return rework


def reworkings() -> Mapping[str, Rework]:
    """All of them, by the name that tables give them."""
    return {
        "as drawn": as_drawn,
        "through the autoencoder": through_autoencoder(),
        "blurred": blurred,
        "noisy": noisy,
    }
