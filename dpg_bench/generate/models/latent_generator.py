"""What generators on Stable Diffusion pipelines share: latents pass by pass, and images from them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dpg_bench.generate.base import GeneratorSettings, ImageRequest
from dpg_bench.generate.models.decode import decode_images
from dpg_bench.generate.models.passes import split_passes
from dpg_bench.generate.models.unet import SwitchedUNet
from dpg_bench.hub.loading import quiet_libraries

if TYPE_CHECKING:
    import torch
    from PIL import Image


class LatentGenerator(ABC):
    """A pipeline with its settings; how it goes through a batch, and what `cpu_images` is, `passes` explains."""

    def __init__(self, pipeline: Any, settings: GeneratorSettings, *, cpu_images: int) -> None:
        self._pipeline = pipeline
        self._unet = SwitchedUNet(pipeline, compiled_batch=settings.compiled_batch)
        self._settings = settings
        self._cpu_images = cpu_images

    @property
    @abstractmethod
    def provenance(self) -> Mapping[str, Any]:
        """Pipeline class, weights with commit and digests, scheduler with its configuration."""

    @abstractmethod
    def latents(self, requests: Sequence[ImageRequest]) -> torch.Tensor:
        """The final latents of `requests`, made in one pass, (N, 4, height / 8, width / 8).

        In a pass, a prompt is encoded once.
        """

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        """One RGB image per request, in order."""
        images: list[Image.Image] = []
        with quiet_libraries():
            for part in split_passes(requests, self._settings.device, cpu_images=self._cpu_images):
                latents = self.latents(part.requests)
                images += decode_images(self._pipeline, latents)[: part.wanted]
        return images
