"""Any other text-to-image pipeline of diffusers, as `--model diffusers:REPO_OR_FOLDER`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from dpg_bench.device import torch_dtype
from dpg_bench.errors import BadInputError
from dpg_bench.generate.base import (
    GenerationDefaults,
    Generator,
    GeneratorSettings,
    ImageRequest,
    ModelSpec,
)
from dpg_bench.generate.models.checks import check_numbers, check_scheduler, scheduler_class
from dpg_bench.generate.models.decode import pixels_to_images
from dpg_bench.generate.models.passes import noise_generators, split_passes
from dpg_bench.generate.models.pipeline_record import pipeline_provenance
from dpg_bench.hub.huggingface import Weights, hub_errors, is_folder, pipeline_files, read_model_index
from dpg_bench.hub.loading import load_errors, load_transformers_parts, quiet_libraries
from dpg_bench.plugins import Options

if TYPE_CHECKING:
    from PIL import Image

PREFIX = "diffusers:"

_SETTINGS = {
    "num_inference_steps": "steps",
    "guidance_scale": "guidance",
    "height": "size",
    "width": "size",
}
_ASKS_FOR_MORE = (
    "mask_image",
    "control_image",
    "controlnet_conditioning_scale",
    "num_frames",
    "video",
    "audio_length_in_s",
)


class PipelineOptions(Options):
    """The options of `diffusers:` models."""

    revision: str | None = Field(
        default=None, description="branch, tag or commit of the repository; the newest if nothing is said"
    )
    scheduler: str | None = Field(
        default=None, description="class name of a diffusers scheduler; the pipeline's own if nothing is said"
    )


class PipelineGenerator:
    """A diffusers pipeline with its settings; how it goes through a batch, `passes` explains."""

    def __init__(self, pipeline: Any, settings: GeneratorSettings[PipelineOptions], *, weights: Weights) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._weights = weights
        self._arguments = _call_arguments(type(pipeline), settings)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Pipeline class, weights with commit and digests, scheduler, and what the call's settings came to."""
        accepted = inspect.signature(type(self._pipeline).__call__).parameters
        call = {name: self._arguments.get(name, accepted[name].default) for name in _SETTINGS if name in accepted}
        return {**pipeline_provenance(self._pipeline, {"pipeline": self._weights}), "call": call}

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        """One RGB image per request, in order."""
        images: list[Image.Image] = []
        with quiet_libraries():
            for part in split_passes(requests, self._settings.device):
                result = self._pipeline(
                    prompt=[request.prompt for request in part.requests],
                    generator=noise_generators(part.requests),
                    output_type="np",
                    **self._arguments,
                )
                images += pixels_to_images(result.images)
        return images


def any_pipeline_spec(name: str) -> ModelSpec[PipelineOptions]:
    """The model `diffusers:REPO_OR_FOLDER`. Raises BadInputError if what follows the colon can be neither."""
    source = name.removeprefix(PREFIX)
    if not source:
        raise BadInputError(f"'{name}' names no pipeline; write {PREFIX}OWNER/REPOSITORY or {PREFIX}FOLDER.")
    is_folder(source)  # raises unless it is one, or could be a repository
    return ModelSpec(
        name=name,
        summary=f"the diffusers pipeline in {source}",
        defaults=GenerationDefaults(size=None, steps=None, guidance=None),
        options=PipelineOptions,
        load=partial(_load, source),
        validate=partial(_validate, source),
        fetch=partial(_fetch, source),
        notes=(
            "Size, steps and guidance are the pipeline's own where nothing is said.",
            "Safety checkers and watermarks are off.",
            "On a GPU bfloat16, which does not overflow where float16 may; --dtype float16 for pipelines made for it.",
        ),
        gpu_dtype="bfloat16",
    )


def _validate(source: str, settings: GeneratorSettings[PipelineOptions]) -> None:
    check_numbers(settings)
    options = settings.options
    if options.scheduler is not None:
        check_scheduler(options.scheduler)
    if is_folder(source):
        if options.revision is not None:
            raise BadInputError(f"revision={options.revision} needs a repository, but {source} is a folder.")
        _call_arguments(_pipeline_class(Path(source)), settings)


def _fetch(source: str, options: PipelineOptions) -> None:
    _find(source, options)


def _find(source: str, options: PipelineOptions) -> Weights:
    if is_folder(source):
        return Weights(source, None, Path(source), pipeline_files(Path(source)))
    with quiet_libraries():
        from diffusers import DiffusionPipeline

        with hub_errors(source):
            folder = Path(DiffusionPipeline.download(source, revision=options.revision))
    return Weights(source, folder.name, folder, pipeline_files(folder))


def _load(source: str, settings: GeneratorSettings[PipelineOptions]) -> Generator:
    weights = _find(source, settings.options)
    pipeline_class = _pipeline_class(weights.folder)
    _call_arguments(pipeline_class, settings)
    with quiet_libraries(), load_errors(f"a {pipeline_class.__name__}", source):
        dtype = torch_dtype(settings.dtype)
        parts = load_transformers_parts(weights.folder, dtype)
        pipeline = pipeline_class.from_pretrained(
            weights.folder, dtype=dtype, local_files_only=True, **{**parts, **_switched_off(pipeline_class)}
        )
        if settings.options.scheduler is not None:
            _replace_scheduler(pipeline, settings.options.scheduler)
        pipeline.set_progress_bar_config(disable=True)
        pipeline.to(settings.device)
    return PipelineGenerator(pipeline, settings, weights=weights)


def _switched_off(pipeline_class: Any) -> dict[str, Any]:
    """What would change images afterwards: a filter, or a watermark that is there where a package is installed."""
    off = {"safety_checker": None, "requires_safety_checker": False, "add_watermarker": False}
    accepted = inspect.signature(pipeline_class.__init__).parameters
    return {name: value for name, value in off.items() if name in accepted}


def _replace_scheduler(pipeline: Any, name: str) -> None:
    compatible = {known.__name__ for known in pipeline.scheduler.compatibles}
    if name not in compatible:
        raise BadInputError(
            f"scheduler={name} can't take the place of this pipeline's {type(pipeline.scheduler).__name__}; "
            f"{', '.join(sorted(compatible)) or 'nothing'} can."
        )
    pipeline.scheduler = scheduler_class(name).from_config(pipeline.scheduler.config)


def _pipeline_class(folder: Path) -> Any:
    """The class that a diffusers folder names. Raises BadInputError unless it makes images from text alone."""
    name = read_model_index(folder)["_class_name"]
    with quiet_libraries():
        import diffusers

        pipeline_class = getattr(diffusers, name, None)
    if pipeline_class is None:
        raise BadInputError(
            f"{folder} holds a {name}, which diffusers {diffusers.__version__} does not have. Pipelines that bring "
            "their own code are not run; if it is one of diffusers', install a newer version."
        )
    accepted = inspect.signature(pipeline_class.__call__).parameters
    more = [extra for extra in _ASKS_FOR_MORE if extra in accepted]
    if "image" in accepted and not _is_optional_image(pipeline_class):
        more.append("image")
    if "prompt" not in accepted or "generator" not in accepted or more:
        asked = f" (it asks for {', '.join(more)})" if more else ""
        raise BadInputError(f"{folder} holds a {name}, which does not make images from text alone{asked}.")
    return pipeline_class


def _is_optional_image(pipeline_class: Any) -> bool:
    """Whether diffusers counts the class, which takes an image, among those that can do without."""
    with quiet_libraries():
        from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING  # imports all of them
    return pipeline_class in AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values()


def _call_arguments(pipeline_class: Any, settings: GeneratorSettings[PipelineOptions]) -> dict[str, Any]:
    """The settings as the pipeline's call takes them. Raises BadInputError for one that it doesn't take."""
    accepted = inspect.signature(pipeline_class.__call__).parameters
    arguments = {}
    for argument, setting in _SETTINGS.items():
        value = getattr(settings, setting)
        if value is None:
            continue
        if argument not in accepted:
            raise BadInputError(f"{setting} is {value}, but {pipeline_class.__name__} has no {argument} to set.")
        arguments[argument] = value
    return arguments
