"""The Stable Diffusion pipeline that `-M base=…` names: finding, checking and loading it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dpg_bench.device import torch_dtype
from dpg_bench.errors import BadInputError
from dpg_bench.generate.base import Download, GeneratorSettings
from dpg_bench.generate.models.checks import check_numbers, check_scheduler, scheduler_class, size_multiple
from dpg_bench.generate.models.unet import check_compile, lay_out
from dpg_bench.hub.huggingface import (
    Repository,
    Weights,
    fetch_weights,
    folder_weights,
    is_folder,
    read_model_index,
    repository_weights,
)
from dpg_bench.hub.loading import load_errors, load_transformers_parts, quiet_libraries
from dpg_bench.plugins import OptionSpec

DEFAULT_SCHEDULER = "DPMSolverMultistepScheduler"

DENOISER_FILES = (
    "model_index.json",
    "scheduler/scheduler_config.json",
    "unet/config.json",
    "unet/diffusion_pytorch_model.safetensors",
    "vae/config.json",
    "vae/diffusion_pytorch_model.safetensors",
)
TEXT_FILES = ("text_encoder/config.json", "text_encoder/model.safetensors", "tokenizer/*")
BASE_FILES = (*DENOISER_FILES, *TEXT_FILES)

# Commit, sizes and digests as several public repositories state them, among them a listing of a Hub cache.
RELEASED_BASE = Repository(
    "stable-diffusion-v1-5/stable-diffusion-v1-5",
    "451f4fe16113bff5a5d2269ed5ad43b0592e9a14",
    BASE_FILES,
    {
        "text_encoder/model.safetensors": "d008943c017f0092921106440254dbbe00b6a285f7883ec8ba160c3faad88334",
        "unet/diffusion_pytorch_model.safetensors": "19da7aaa4b880e59d56843f1fcb4dd9b599c28a1d9d9af7c1143057c8ffae9f1",
        "vae/diffusion_pytorch_model.safetensors": "a2b5134f4dbc140d9c11f11cba3233099e00af40f262f136c691fb7d38d2194c",
    },
)
BASE_DOWNLOAD = Download("Stable Diffusion 1.5", RELEASED_BASE.name, str(RELEASED_BASE.revision), 4.27)
DENOISER_DOWNLOAD = Download("Stable Diffusion 1.5 without CLIP", RELEASED_BASE.name, str(RELEASED_BASE.revision), 3.77)

BASE_OPTION = OptionSpec(
    "base", "Stable Diffusion 1.5, or another pipeline of its kind: repository or folder", RELEASED_BASE.name
)
SCHEDULER_OPTION = OptionSpec("scheduler", "class name of a diffusers scheduler", DEFAULT_SCHEDULER)


def find_base(options: Mapping[str, str], files: tuple[str, ...] = BASE_FILES) -> Weights:
    """The weights behind `-M base=…`, or the released ones, as far as `files` says; downloaded if need be."""
    base = options.get("base", RELEASED_BASE.name)
    return folder_weights(Path(base), files) if is_folder(base) else repository_weights(_repository(base, files))


def fetch_base(options: Mapping[str, str], files: tuple[str, ...] = BASE_FILES) -> None:
    """Download and verify what `find_base` will need."""
    base = options.get("base", RELEASED_BASE.name)
    if not is_folder(base):
        fetch_weights(_repository(base, files))


def load_base(base: Weights, settings: GeneratorSettings) -> Any:
    """The Stable Diffusion pipeline in `base`, on the settings' device and in their precision, with their scheduler.

    Raises BadInputError if the weights are damaged, incomplete or of another architecture.
    """
    with quiet_libraries(), load_errors("a Stable Diffusion pipeline", base.source):
        from diffusers import StableDiffusionPipeline

        dtype = torch_dtype(settings.dtype)
        parts = load_transformers_parts(base.folder, dtype)
        pipeline = StableDiffusionPipeline.from_pretrained(
            base.folder,
            **{**parts, "safety_checker": None, "feature_extractor": None},
            requires_safety_checker=False,
            dtype=dtype,
            local_files_only=True,
        )
        set_scheduler(pipeline, settings)
        pipeline.to(settings.device)
        lay_out(pipeline, settings)
        return pipeline


def set_scheduler(pipeline: Any, settings: GeneratorSettings) -> None:
    """Give the pipeline the scheduler of the settings, built from the configuration of its own."""
    chosen = scheduler_class(settings.options.get("scheduler", DEFAULT_SCHEDULER))
    pipeline.scheduler = chosen.from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)


def validate_base(settings: GeneratorSettings, files: tuple[str, ...] = BASE_FILES) -> None:
    """Raises BadInputError for a base that can't be one, an unknown scheduler, or numbers out of range."""
    base = settings.options.get("base")
    multiple = 8
    if base is not None and is_folder(base):
        folder = Path(base)
        pipeline = read_model_index(folder)["_class_name"]
        if pipeline != "StableDiffusionPipeline":
            raise BadInputError(
                f"{folder} holds a {pipeline}, but {settings.model} is built on a StableDiffusionPipeline. "
                f"To benchmark it as it is, use --model diffusers:{base}."
            )
        folder_weights(folder, files)
        multiple = size_multiple(folder)
    check_numbers(settings, size_multiple=multiple)
    check_compile(settings)
    if "scheduler" in settings.options:
        check_scheduler(settings.options["scheduler"])


def _repository(name: str, files: tuple[str, ...]) -> Repository:
    if name != RELEASED_BASE.name:
        return Repository(name, None, files)
    known = {file: digest for file, digest in RELEASED_BASE.sha256.items() if file in files}
    return replace(RELEASED_BASE, files=files, sha256=known)
