"""ELLA for diffusers: Stable Diffusion 1.5 that reads its prompts through T5 (arXiv 2403.05135).

>>> pipe = EllaStableDiffusionPipeline.from_pretrained(
...     "stable-diffusion-v1-5/stable-diffusion-v1-5", ella="QQGYLab/ELLA", text_encoder="google/flan-t5-xl"
... )  # doctest: +SKIP
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # typing's own takes a while to import, and the entry points begin here
if TYPE_CHECKING:
    from typing import Any

    from ella_models.adapter import EllaAdapter
    from ella_models.connector import (
        CONNECTOR_KINDS,
        CONNECTOR_PRESETS,
        ConnectorConfig,
        ConnectorKind,
        EllaConnector,
    )
    from ella_models.errors import EllaError
    from ella_models.pipelines.base import EllaPipeline
    from ella_models.pipelines.stable_diffusion import (
        EllaStableDiffusionControlNetImg2ImgPipeline,
        EllaStableDiffusionControlNetInpaintPipeline,
        EllaStableDiffusionControlNetPipeline,
        EllaStableDiffusionImg2ImgPipeline,
        EllaStableDiffusionInpaintPipeline,
        EllaStableDiffusionPipeline,
    )
    from ella_models.pipelines.stable_diffusion_xl import EllaStableDiffusionXLPipeline
    from ella_models.text_encoder import (
        LENGTHS,
        RELEASED_TEXT_ENCODER,
        DecoderTextEncoder,
        Length,
        T5TextEncoder,
        TextEncoder,
        TextOptions,
        load_text_encoder,
        text_encoder_of,
    )
    from ella_models.weights import RELEASED_FILE, RELEASED_REPOSITORY, ConnectorFiles, find_connector, load_connector

__all__ = [
    "CONNECTOR_KINDS",
    "CONNECTOR_PRESETS",
    "LENGTHS",
    "RELEASED_FILE",
    "RELEASED_REPOSITORY",
    "RELEASED_TEXT_ENCODER",
    "ConnectorConfig",
    "ConnectorFiles",
    "ConnectorKind",
    "DecoderTextEncoder",
    "EllaAdapter",
    "EllaConnector",
    "EllaError",
    "EllaPipeline",
    "EllaStableDiffusionControlNetImg2ImgPipeline",
    "EllaStableDiffusionControlNetInpaintPipeline",
    "EllaStableDiffusionControlNetPipeline",
    "EllaStableDiffusionImg2ImgPipeline",
    "EllaStableDiffusionInpaintPipeline",
    "EllaStableDiffusionPipeline",
    "EllaStableDiffusionXLPipeline",
    "Length",
    "T5TextEncoder",
    "TextEncoder",
    "TextOptions",
    "find_connector",
    "load_connector",
    "load_text_encoder",
    "text_encoder_of",
]

_HOMES = {
    "connector": ("CONNECTOR_KINDS", "CONNECTOR_PRESETS", "ConnectorConfig", "ConnectorKind", "EllaConnector"),
    "errors": ("EllaError",),
    "adapter": ("EllaAdapter",),
    "pipelines.stable_diffusion": (
        "EllaPipeline",
        "EllaStableDiffusionControlNetImg2ImgPipeline",
        "EllaStableDiffusionControlNetInpaintPipeline",
        "EllaStableDiffusionControlNetPipeline",
        "EllaStableDiffusionImg2ImgPipeline",
        "EllaStableDiffusionInpaintPipeline",
        "EllaStableDiffusionPipeline",
    ),
    "pipelines.stable_diffusion_xl": ("EllaStableDiffusionXLPipeline",),
    "text_encoder": (
        "LENGTHS",
        "RELEASED_TEXT_ENCODER",
        "DecoderTextEncoder",
        "Length",
        "T5TextEncoder",
        "TextEncoder",
        "TextOptions",
        "load_text_encoder",
        "text_encoder_of",
    ),
    "weights": ("RELEASED_FILE", "RELEASED_REPOSITORY", "ConnectorFiles", "find_connector", "load_connector"),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `import ella_models` and `ella --help` load no torch."""
    if name not in _HOME_OF:
        raise AttributeError(f"module 'ella_models' has no attribute {name!r}")
    found = getattr(import_module(f"ella_models.{_HOME_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return __all__
