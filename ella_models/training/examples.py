"""What the loop trains on: a pair as the VAE and the text encoder see it.

Axes: B pairs, c latent channels, h and w latent height and width, S text positions, C width of the text features.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from ella_models.text_encoder import TextEncoder, TextInput
from ella_models.training.images import Picture

State = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Examples:
    """B pairs of one size.

    `moments` (B, 2c, h, w) holds the mean and the standard deviation of the VAE's latents, before its scaling factor;
    `text` (B, S, C) the text features at the fixed length.
    """

    moments: Tensor
    text: Tensor

    def __len__(self) -> int:
        return len(self.moments)

    def to(self, device: torch.device) -> Examples:
        """The same on a device."""
        return Examples(self.moments.to(device, non_blocking=True), self.text.to(device, non_blocking=True))


@dataclass(frozen=True, slots=True)
class Batch:
    """One pass of this process, and where the examples stand after it, which `ExampleSource.batches` goes on from."""

    examples: Examples
    state: State


class ExampleSource(Protocol):
    """Where the loop's examples come from."""

    @property
    def empty_text(self) -> Tensor:
        """The features (S, C) of the empty caption, which dropped captions become."""

    def held_out(self) -> list[Examples]:
        """The pairs that are validated and never trained on, one size an entry."""

    def batches(self, state: State | None) -> Iterator[Batch]:
        """Passes of this process without end, from the beginning or from where a batch's `state` says."""


class Encoder:
    """The frozen VAE and the frozen text encoder, which make examples of pictures."""

    def __init__(self, vae: AutoencoderKL, text_encoder: TextEncoder, device: torch.device) -> None:
        self._vae, self._text_encoder, self._device = vae, text_encoder, device
        self.empty_text = self._texts([""])[0]

    @torch.no_grad()
    def encode(self, pictures: Sequence[Picture]) -> Examples:
        """Examples of pictures that are all of one size."""
        pixels = torch.stack([picture.pixels for picture in pictures]).to(self._device, self._vae.dtype)
        posterior = self._vae.encode(pixels / 127.5 - 1).latent_dist
        moments = torch.cat([posterior.mean, posterior.std], dim=1)
        return Examples(moments, self._texts([picture.caption for picture in pictures]))

    def _texts(self, captions: Sequence[str]) -> Tensor:
        inputs = [TextInput(caption, "fixed") for caption in captions]
        return self._text_encoder.encode(inputs, device=self._device).states
