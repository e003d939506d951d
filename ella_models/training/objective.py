"""The diffusion loss: what is drawn for a step, and how far the U-Net's prediction is from it.

Axes: B pairs, c latent channels, h and w latent height and width, S text positions, C width of the text features.

Source: the loop that ELLA's authors name (IP-Adapter's): the VAE's latents sampled and scaled, t uniform, the mean
squared error to the noise in float32. Min-SNR weights: Hang et al. 2023, arXiv 2303.09556.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from diffusers import DDPMScheduler
from torch import Tensor, nn

from ella_models.training.config import LossSection
from ella_models.training.examples import Examples


@dataclass(frozen=True, slots=True)
class Draws:
    """What chance decides for B pairs: `posterior` and `noise` (B, c, h, w), `timesteps` (B,), `dropped` (B,) bool."""

    posterior: Tensor
    noise: Tensor
    timesteps: Tensor
    dropped: Tensor

    def rows(self, rows: slice) -> Draws:
        """The draws of some of the pairs."""
        return Draws(self.posterior[rows], self.noise[rows], self.timesteps[rows], self.dropped[rows])


def draw(
    seed: int, step: int, *, shape: tuple[int, ...], timesteps: int, caption_dropout: float, device: torch.device
) -> Draws:
    """The draws of a step for latents of `shape` (B, c, h, w): they depend on seed and step alone.

    So a run that continues needs no generator's state, and processes that each take some rows draw what one would.
    """
    mixed = int.from_bytes(hashlib.sha256(f"{seed} {step}".encode()).digest()[:7], "big")
    generator = torch.Generator(device).manual_seed(mixed)
    posterior, noise = torch.randn((2, *shape), generator=generator, device=device)
    return Draws(
        posterior,
        noise,
        torch.randint(timesteps, shape[:1], generator=generator, device=device),
        torch.rand(shape[:1], generator=generator, device=device) < caption_dropout,
    )


class Objective:
    """The loss of a connector in front of a frozen U-Net."""

    def __init__(
        self,
        unet: Callable[..., tuple[Tensor, ...]],
        schedule: DDPMScheduler,
        *,
        scaling_factor: float,
        empty_text: Tensor,
        loss: LossSection,
    ) -> None:
        self._unet, self._scaling_factor, self._empty_text = unet, scaling_factor, empty_text
        self._predicts_v = schedule.config.prediction_type == "v_prediction"
        self._min_snr_gamma = loss.min_snr_gamma
        alphas = schedule.alphas_cumprod.to(empty_text.device, torch.float32)
        self.timesteps = len(alphas)
        self._signal, self._noise = alphas.sqrt(), (1 - alphas).sqrt()

    def losses(self, connector: nn.Module, examples: Examples, draws: Draws) -> Tensor:
        """The loss (B,) of each pair, float32, weighted if asked for."""
        mean, deviation = examples.moments.float().chunk(2, dim=1)
        latents = (mean + deviation * draws.posterior) * self._scaling_factor
        signal = self._signal[draws.timesteps][:, None, None, None]
        spread = self._noise[draws.timesteps][:, None, None, None]
        noisy = signal * latents + spread * draws.noise
        target = signal * draws.noise - spread * latents if self._predicts_v else draws.noise
        text = torch.where(draws.dropped[:, None, None], self._empty_text.to(examples.text.dtype), examples.text)
        condition = connector(text, draws.timesteps)
        predicted = self._unet(noisy, draws.timesteps, encoder_hidden_states=condition, return_dict=False)[0]
        errors = (predicted.float() - target).square().mean(dim=(1, 2, 3))
        return errors if self._min_snr_gamma is None else errors * self._weights(draws.timesteps)

    def _weights(self, timesteps: Tensor) -> Tensor:
        snr = (self._signal[timesteps] / self._noise[timesteps]).square()
        clipped = snr.clamp(max=self._min_snr_gamma)
        weights: Tensor = clipped / (snr + 1) if self._predicts_v else clipped / snr
        return weights
