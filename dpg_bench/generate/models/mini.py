"""The `mini-*` models: the same code as the real ones, on small weights that were trained on the miniature world.

The weights ship with dpg-bench, each with a card; `dpg_bench.miniature` says how they were made. They work on one
thread: more of them would round differently from machine to machine. `--devices cpu,cpu` takes two processes.
"""

from __future__ import annotations

from dpg_bench.device import on_one_thread
from dpg_bench.generate.base import GenerationDefaults, Generator, GeneratorSettings, ModelSpec
from dpg_bench.generate.models.ella import ELLA_SD15, EllaTextOptions, EllaWeights, load_ella, validate_text_and_sampler
from dpg_bench.generate.models.stable_diffusion import (
    BASE_FILES,
    SD15,
    Base,
    SamplerOptions,
    load_stable_diffusion,
    validate_sampler,
)
from dpg_bench.hub.cache import shipped_folder
from dpg_bench.hub.huggingface import folder_weights

_IMAGES_PER_PASS = 4
_DEFAULTS = GenerationDefaults(size=64, steps=20, guidance=5.0)
_NOTES = ("Trained on drawings of 64 px alone: at another size, and on prompts of another world, it draws nothing.",)


def _base() -> Base:
    return Base(folder_weights(shipped_folder("weights") / "mini-sd15", BASE_FILES))


def _ella() -> EllaWeights:
    folder = shipped_folder("weights")
    return EllaWeights(
        base=_base(),
        connector=folder_weights(folder / "mini-ella", ("ella.safetensors", "ella.json")),
        text_encoder=folder_weights(folder / "mini-t5", ("config.json", "*.safetensors", "tokenizer*.json")),
    )


def _load_sd15(settings: GeneratorSettings[SamplerOptions]) -> Generator:
    return on_one_thread(load_stable_diffusion(_base(), settings, cpu_images=_IMAGES_PER_PASS), "generate")


def _load_ella(settings: GeneratorSettings[EllaTextOptions]) -> Generator:
    return on_one_thread(load_ella(_ella(), settings, cpu_images=_IMAGES_PER_PASS), "generate")


MINI_SD15 = ModelSpec(
    name="mini-sd15",
    summary="Stable Diffusion 1.5's architecture in small, trained on short captions of the miniature world",
    defaults=_DEFAULTS,
    options=SamplerOptions,
    load=_load_sd15,
    validate=validate_sampler,
    notes=_NOTES,
    made_for="miniature",
    gpu_dtype=SD15.gpu_dtype,
    takes_negative_prompt=True,
)

MINI_ELLA_SD15 = ModelSpec(
    name="mini-ella-sd15",
    summary="the same, read through T5 and ELLA's connector, trained on dense captions of the miniature world",
    defaults=_DEFAULTS,
    options=EllaTextOptions,
    load=_load_ella,
    validate=validate_text_and_sampler,
    notes=_NOTES,
    made_for="miniature",
    gpu_dtype=ELLA_SD15.gpu_dtype,
    takes_negative_prompt=True,
)
