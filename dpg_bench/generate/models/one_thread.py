"""Toy models on one thread: more of them only wait for each other, and round differently from machine to machine."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dpg_bench.device import one_thread
from dpg_bench.generate.base import Generator, ImageRequest

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class OneThread:
    """`generator` with torch held to a single CPU thread while it works."""

    generator: Generator

    @property
    def provenance(self) -> Mapping[str, Any]:
        """The generator's own."""
        return self.generator.provenance

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        """The generator's images."""
        with one_thread():
            return self.generator.generate(requests)
