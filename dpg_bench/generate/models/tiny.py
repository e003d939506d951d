"""The `tiny-*` models: the same code as the real ones, on weights that are built here and were never trained.

They work on one thread: more of them only wait for each other, and round differently from machine to machine.
"""

from __future__ import annotations

from dpg_bench.device import on_one_thread
from dpg_bench.generate.base import GenerationDefaults, Generator, GeneratorSettings, ModelSpec
from dpg_bench.generate.models.ella import (
    ELLA_SD15,
    EllaTextOptions,
    EllaWeights,
    load_ella,
    validate_text_and_sampler,
)
from dpg_bench.generate.models.stable_diffusion import (
    SD15,
    Base,
    SamplerOptions,
    load_stable_diffusion,
    validate_sampler,
)
from dpg_bench.generate.models.tiny_weights import tiny_base, tiny_connector, tiny_text_encoder

_IMAGES_PER_PASS = 4
_NOTE = "Untrained weights at toy size, built on this machine from a fixed seed: scores of its images mean nothing."


def _load_sd15(settings: GeneratorSettings[SamplerOptions]) -> Generator:
    return on_one_thread(load_stable_diffusion(Base(tiny_base()), settings, cpu_images=_IMAGES_PER_PASS), "generate")


def _fetch_sd15(options: SamplerOptions) -> None:  # noqa: ARG001 - the signature of ModelSpec.fetch
    tiny_base()


def _tiny_ella() -> EllaWeights:
    return EllaWeights(base=Base(tiny_base()), connector=tiny_connector(), text_encoder=tiny_text_encoder())


def _load_ella(settings: GeneratorSettings[EllaTextOptions]) -> Generator:
    return on_one_thread(load_ella(_tiny_ella(), settings, cpu_images=_IMAGES_PER_PASS), "generate")


def _fetch_ella(options: EllaTextOptions) -> None:  # noqa: ARG001 - the signature of ModelSpec.fetch
    _tiny_ella()


TINY_SD15 = ModelSpec(
    name="tiny-sd15",
    summary="Stable Diffusion 1.5's architecture at toy size, untrained: proves the path, makes no pictures",
    defaults=GenerationDefaults(size=64, steps=3, guidance=7.5),
    options=SamplerOptions,
    load=_load_sd15,
    validate=validate_sampler,
    fetch=_fetch_sd15,
    notes=(_NOTE,),
    gpu_dtype=SD15.gpu_dtype,
    untrained=True,
    takes_negative_prompt=True,
)

TINY_ELLA_SD15 = ModelSpec(
    name="tiny-ella-sd15",
    summary="ELLA's architecture at toy size, untrained: proves the path, makes no pictures",
    defaults=GenerationDefaults(size=64, steps=3, guidance=12.0),
    options=EllaTextOptions,
    load=_load_ella,
    validate=validate_text_and_sampler,
    fetch=_fetch_ella,
    notes=(_NOTE,),
    gpu_dtype=ELLA_SD15.gpu_dtype,
    untrained=True,
    takes_negative_prompt=True,
)
