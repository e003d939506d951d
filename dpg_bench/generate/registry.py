"""Every model that `--model` can name: built-in ones, `diffusers:…`, `openai:…`, and those that other packages add."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dpg_bench.errors import option, unknown_name
from dpg_bench.generate.base import ModelSpec
from dpg_bench.generate.models.diffusers import PREFIX, any_pipeline_spec
from dpg_bench.generate.models.ella import ELLA_SD15
from dpg_bench.generate.models.mini import MINI_ELLA_SD15, MINI_SD15
from dpg_bench.generate.models.served.spec import PREFIX as SERVED_PREFIX
from dpg_bench.generate.models.served.spec import served_spec
from dpg_bench.generate.models.stable_diffusion import SD15
from dpg_bench.generate.models.tiny import TINY_ELLA_SD15, TINY_SD15
from dpg_bench.plugins import with_plugins

ENTRY_POINT_GROUP = "dpg_bench.generators"

_BUILT_IN: tuple[ModelSpec[Any], ...] = (SD15, ELLA_SD15, MINI_SD15, MINI_ELLA_SD15, TINY_SD15, TINY_ELLA_SD15)


def model_specs() -> Mapping[str, ModelSpec[Any]]:
    """The models by name, those of other packages last. Raises BadInputError if one of these can't be used."""
    return with_plugins(_BUILT_IN, ModelSpec, kind="model", group=ENTRY_POINT_GROUP)


def find_model(name: str) -> ModelSpec[Any]:
    """The model that `name` stands for. Raises BadInputError for a name that nobody knows."""
    if name.startswith(PREFIX):
        return any_pipeline_spec(name)
    if name.startswith(SERVED_PREFIX):
        return served_spec(name)
    specs = model_specs()
    if name not in specs:
        hint = f"Any other diffusers pipeline: {PREFIX}REPO_OR_FOLDER; a server's model: {SERVED_PREFIX}MODEL@URL."
        if Path(name).exists():
            hint = f"For what lies at {name}, say {option('model', PREFIX + name)}."
        raise unknown_name("model", name, specs, hint=hint)
    return specs[name]
