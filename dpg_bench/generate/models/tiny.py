"""The `tiny-*` models: the same code as the real ones, on weights that are built here and were never trained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from dpg_bench.generate.base import GenerationDefaults, Generator, GeneratorSettings
from dpg_bench.generate.models.ella import (
    ELLA_SD15,
    FIXED_NEGATIVE_OPTION,
    LENGTH_OPTION,
    load_ella,
    validate_ella_options,
)
from dpg_bench.generate.models.ella_weights import EllaWeights
from dpg_bench.generate.models.one_thread import OneThread
from dpg_bench.generate.models.sd_base import SCHEDULER_OPTION, validate_base
from dpg_bench.generate.models.stable_diffusion import SD15, load_stable_diffusion
from dpg_bench.generate.models.tiny_weights import tiny_base, tiny_connector, tiny_text_encoder

_IMAGES_PER_PASS = 4
_NOTE = "Untrained weights at toy size, built on this machine from a fixed seed: scores of its images mean nothing."


def _load_sd15(settings: GeneratorSettings) -> Generator:
    return OneThread(load_stable_diffusion(tiny_base(), settings, cpu_images=_IMAGES_PER_PASS))


def _fetch_sd15(options: Mapping[str, str]) -> None:  # noqa: ARG001 - the signature of ModelSpec.fetch
    tiny_base()


def _tiny_ella() -> EllaWeights:
    return EllaWeights(base=tiny_base(), connector=tiny_connector(), text_encoder=tiny_text_encoder())


def _load_ella(settings: GeneratorSettings) -> Generator:
    return OneThread(load_ella(_tiny_ella(), settings, cpu_images=_IMAGES_PER_PASS))


def _fetch_ella(options: Mapping[str, str]) -> None:  # noqa: ARG001 - the signature of ModelSpec.fetch
    _tiny_ella()


def _validate_ella(settings: GeneratorSettings) -> None:
    validate_ella_options(settings)
    validate_base(settings)


TINY_SD15 = replace(
    SD15,
    name="tiny-sd15",
    summary="Stable Diffusion 1.5's architecture at toy size, untrained: proves the path, makes no pictures",
    defaults=GenerationDefaults(size=64, steps=3, guidance=7.5),
    options=(SCHEDULER_OPTION,),
    load=_load_sd15,
    validate=validate_base,
    fetch=_fetch_sd15,
    downloads=(),
    notes=(_NOTE,),
    untrained=True,
    memory=None,
)

TINY_ELLA_SD15 = replace(
    ELLA_SD15,
    name="tiny-ella-sd15",
    summary="ELLA's architecture at toy size, untrained: proves the path, makes no pictures",
    defaults=GenerationDefaults(size=64, steps=3, guidance=12.0),
    options=(SCHEDULER_OPTION, LENGTH_OPTION, FIXED_NEGATIVE_OPTION),
    load=_load_ella,
    validate=_validate_ella,
    fetch=_fetch_ella,
    downloads=(),
    notes=(_NOTE,),
    untrained=True,
    memory=None,
)
