"""Pictures as a generator would have made them: through the autoencoder, or made anew from noise that lies over them.

What such a picture shows is still known, so that a judge can learn to see through what the generator does to it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from dpg_bench.miniature.train.judge import spoiled
from dpg_bench.miniature.train.pictures import levels, signed
from dpg_bench.miniature.train.scene_tokens import nothing_told
from dpg_bench.miniature.train.unet import UNetTask

_UNTOUCHED, _DECODED = 0.6, 0.8
_LEAST_NOISE, _MOST_NOISE = 50, 250


class Reworked:
    """Three in five pictures are left alone but for blur and noise, the others go through the autoencoder.

    Half of these are given noise (steps 50 to 250 of 1000), and are what the U-Net, told nothing, guesses behind it.
    With more of them the judge says yes to small parts that aren't there, as these pictures have lost those that were.
    """

    def __init__(self, vae: Any, told: UNetTask) -> None:
        """Take over an autoencoder and a trained U-Net, on one device."""
        self._vae, self._unet, self._scheduler = vae, told.unet, told.scheduler
        self._signal = told.scheduler.alphas_cumprod.to(vae.device)
        with torch.no_grad():
            self._nothing = told.tokens(nothing_told()[None].to(vae.device))

    @torch.no_grad()
    def __call__(self, pixels: Tensor) -> Tensor:
        """uint8 (N, height, width, 3) → the same form."""
        way = torch.rand(len(pixels), device=pixels.device)
        made = spoiled(pixels)
        chosen = (way >= _UNTOUCHED).nonzero().flatten()
        if not len(chosen):
            return made
        scale = self._vae.config.scaling_factor
        latents = self._vae.encode(signed(pixels[chosen])).latent_dist.mean * scale
        again = (way[chosen] >= _DECODED).nonzero().flatten()
        if len(again):
            latents[again] = self._denoised(latents[again])
        made[chosen] = levels(self._vae.decode(latents / scale).sample)
        return made

    def _denoised(self, latents: Tensor) -> Tensor:
        steps = torch.randint(_LEAST_NOISE, _MOST_NOISE, (len(latents),), device=latents.device)
        noise = torch.randn_like(latents)
        noisy = self._scheduler.add_noise(latents, noise, steps)
        predicted = self._unet(noisy, steps, self._nothing.expand(len(latents), -1, -1)).sample
        signal = self._signal[steps][:, None, None, None]
        guess: Tensor = (noisy - (1 - signal).sqrt() * predicted) / signal.sqrt()
        return guess
