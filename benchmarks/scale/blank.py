"""A model that takes no time, so that what is left is what the engine itself costs. Workers import it from here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from PIL import Image

from dpg_bench.generate.base import GenerationDefaults, GeneratorSettings, ImageRequest, ModelSpec
from dpg_bench.plugins import NoOptions


class Blank:
    """Draws 8 × 8 pixels of one colour."""

    provenance: Mapping[str, Any] = {"source": "blank"}

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        """One image per request."""
        return [Image.new("RGB", (8, 8), (request.seed % 256, 0, 0)) for request in requests]


def load(settings: GeneratorSettings[NoOptions]) -> Blank:
    """Nothing to load."""
    del settings
    return Blank()


def _nothing(_: object) -> None:
    return None


BLANK = ModelSpec(
    name="blank",
    summary="takes no time",
    defaults=GenerationDefaults(size=None, steps=None, guidance=None),
    options=NoOptions,
    load=load,
    validate=_nothing,
    fetch=_nothing,
)
