"""Any other text-to-image pipeline of diffusers, as `--model diffusers:REPO_OR_FOLDER`."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ConfigDict, Field

from dpg_bench.device import torch_dtype
from dpg_bench.errors import BadInputError, DpgBenchError
from dpg_bench.generate.base import (
    Download,
    GenerationDefaults,
    Generator,
    GeneratorSettings,
    ImageRequest,
    ModelSpec,
    TextLimit,
)
from dpg_bench.generate.models.call import is_ella, pipeline_class, settings_arguments
from dpg_bench.generate.models.checks import check_numbers, check_scheduler, scheduler_class
from dpg_bench.generate.models.decode import pixels_to_images
from dpg_bench.generate.models.lora import HELP as LORA_HELP
from dpg_bench.generate.models.lora import Lora, apply_loras, check_loras, find_lora
from dpg_bench.generate.models.passes import split_passes
from dpg_bench.generate.models.pipeline_record import Recorded, pipeline_provenance
from dpg_bench.generate.models.placing import HELP as OFFLOAD_HELP
from dpg_bench.generate.models.placing import Offload, check_offload, place
from dpg_bench.generate.models.probe import draw_pixels
from dpg_bench.generate.models.single_file import CONFIG_HELP, find_configs, load_single_file, usual_configs
from dpg_bench.generate.models.trial import Trial, pipeline_error
from dpg_bench.halving import is_out_of_memory
from dpg_bench.hub.huggingface import Repository, Weights, cached_weights, hub_errors, local_path, pipeline_files
from dpg_bench.hub.loading import load_errors, load_parts
from dpg_bench.hub.remarks import listening, quiet_libraries
from dpg_bench.plugins import Options

if TYPE_CHECKING:
    from PIL import Image

PREFIX = "diffusers:"


class PipelineOptions(Options):
    """The options of `diffusers:` models; any other key is an argument of the pipeline's call."""

    model_config = ConfigDict(extra="allow")

    revision: str | None = Field(
        default=None, description="branch, tag or commit of the repository; the newest if nothing is said"
    )
    variant: str | None = Field(
        default=None, description="variant of the weights, such as fp16; in a folder found by itself"
    )
    config: str | None = Field(default=None, description=CONFIG_HELP)
    lora: tuple[Lora, ...] = Field(default=(), description=LORA_HELP)
    offload: Offload | None = Field(default=None, description=OFFLOAD_HELP)
    scheduler: str | None = Field(
        default=None, description="class name of a diffusers scheduler; the pipeline's own if nothing is said"
    )

    @property
    def arguments(self) -> dict[str, Any]:
        """What is meant for the pipeline's call."""
        return dict(self.model_extra or {})


class PipelineGenerator:
    """A diffusers pipeline with its settings; how it goes through a batch, `passes` explains.

    The pipeline is tried first (see `trial`). Raises BadInputError for settings that it doesn't follow.
    """

    def __init__(self, pipeline: Any, settings: GeneratorSettings[PipelineOptions], *, weights: Recorded) -> None:
        self._pipeline = pipeline
        self._settings = settings
        self._weights = weights
        more = settings.options.arguments
        arguments = settings_arguments(type(pipeline), settings, more)
        with listening(tell=False) as heard, quiet_libraries():
            trial = Trial(pipeline, settings, arguments, heard=heard)
            self._call = trial.learn(more)
            self.text_limits: tuple[TextLimit, ...] = trial.text_limits(self._call.arguments)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Pipeline class, weights with commit and digests, scheduler, and what the call's settings came to."""
        return {**pipeline_provenance(self._pipeline, self._weights), "call": self._call.record()}

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        """One RGB image per request, in order."""
        images: list[Image.Image] = []
        with quiet_libraries():
            together = self._call.prompts_together
            for part in split_passes(requests, self._settings.device, prompts_together=together):
                images += pixels_to_images(self._drawn(part.requests), dtype=self._settings.dtype)
        return images

    def _drawn(self, requests: Sequence[ImageRequest]) -> Any:
        try:
            return draw_pixels(self._pipeline, requests, self._call.arguments)
        except DpgBenchError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise
            raise DpgBenchError(pipeline_error(type(self._pipeline).__name__, self._call.arguments, error)) from error


def any_pipeline_spec(name: str) -> ModelSpec[PipelineOptions]:
    """The model `diffusers:REPO_OR_FOLDER`. Raises BadInputError if what follows the colon can be neither."""
    source = name.removeprefix(PREFIX)
    if not source:
        raise BadInputError(f"'{name}' names no pipeline; write {PREFIX}OWNER/REPOSITORY or {PREFIX}FOLDER.")
    local_path(source)  # raises unless it is something here, or could be a repository
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
            "Any other -M key is an argument of the pipeline's call, such as -M max_sequence_length=512.",
            "It is tried before the first item: what changes nothing is refused, and the size that comes out recorded.",
            "Safety checkers and watermarks are off.",
            "On a GPU bfloat16, which does not overflow where float16 may; --dtype float16 for pipelines made for it.",
        ),
        gpu_dtype="bfloat16",
        takes_negative_prompt=True,
        pending=partial(_pending, source),
    )


def _validate(source: str, settings: GeneratorSettings[PipelineOptions]) -> None:
    check_numbers(settings)
    options = settings.options
    if options.scheduler is not None:
        check_scheduler(options.scheduler)
    check_loras(options.lora)
    check_offload(options.offload, settings.device)
    path = local_path(source)
    if path is not None:
        if options.revision is not None:
            raise BadInputError(f"revision={options.revision} needs a repository, but {source} is a folder or file.")
        if path.is_dir():
            settings_arguments(pipeline_class(path), settings, options.arguments)
    if options.config is not None and (path is None or path.is_dir()):
        raise BadInputError(f"config={options.config} is for checkpoints in a single file; {source} has its own.")


def _fetch(source: str, options: PipelineOptions) -> None:
    _find(source, options)
    for lora in options.lora:
        find_lora(lora)


def _pending(source: str, options: PipelineOptions) -> tuple[Download, ...]:
    if local_path(source) is not None:
        return ()
    index = Repository(source, options.revision, ("model_index.json",))
    return (
        ()
        if cached_weights(index) is not None
        else (Download("the pipeline", source, options.revision or "newest", 0),)
    )


def _find(source: str, options: PipelineOptions) -> Weights:
    """The folder or file of the pipeline, downloaded if need be."""
    path = local_path(source)
    if path is not None and path.is_file():
        return Weights(source, None, path.parent, (path.name,))
    if path is not None:
        return Weights(source, None, path, pipeline_files(path, variant=options.variant))
    with quiet_libraries():
        from diffusers import DiffusionPipeline

        with hub_errors(source):
            folder = Path(DiffusionPipeline.download(source, revision=options.revision, variant=options.variant))
    return Weights(source, folder.name, folder, pipeline_files(folder, variant=options.variant))


def _load(source: str, settings: GeneratorSettings[PipelineOptions]) -> Generator:
    options = settings.options
    weights = _find(source, options)
    path = local_path(source)
    single = path if path is not None and path.is_file() else None
    configs = find_configs(options.config or usual_configs(single)) if single is not None else None
    found = pipeline_class(weights.folder if configs is None else configs.folder)
    settings_arguments(found, settings, options.arguments)
    dtype = torch_dtype(settings.dtype)
    with quiet_libraries(), load_errors(f"a {found.__name__}", weights):
        off = _switched_off(found)
        if single is not None and configs is not None:
            pipeline = load_single_file(found, single, configs, dtype=dtype, parts=off)
        else:
            parts = {} if is_ella(found) else load_parts(weights.folder, dtype, variant=options.variant)
            pipeline = found.from_pretrained(weights.folder, dtype=dtype, local_files_only=True, **{**parts, **off})
        if options.scheduler is not None:
            _replace_scheduler(pipeline, options.scheduler)
        pipeline.set_progress_bar_config(disable=True)
        loras = apply_loras(pipeline, options.lora)
        place(pipeline, settings, offload=options.offload)
    recorded: Recorded = {"pipeline": weights, **({} if configs is None else {"config": configs}), **loras}
    return PipelineGenerator(pipeline, settings, weights=recorded)


def _switched_off(found: Any) -> dict[str, Any]:
    """What would change images afterwards: a filter, or a watermark that is there where a package is installed."""
    off = {"safety_checker": None, "requires_safety_checker": False, "add_watermarker": False}
    accepted = inspect.signature(found.__init__).parameters
    return {name: value for name, value in off.items() if name in accepted}


def _replace_scheduler(pipeline: Any, name: str) -> None:
    compatible = {known.__name__ for known in pipeline.scheduler.compatibles}
    if name not in compatible:
        raise BadInputError(
            f"scheduler={name} can't take the place of this pipeline's {type(pipeline.scheduler).__name__}; "
            f"{', '.join(sorted(compatible)) or 'nothing'} can."
        )
    pipeline.scheduler = scheduler_class(name).from_config(pipeline.scheduler.config)
