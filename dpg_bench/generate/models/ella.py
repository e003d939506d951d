"""ELLA on Stable Diffusion 1.5 (arXiv 2403.05135): the generator on `ella_models`, and its entry in the list."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dpg_bench.device import torch_dtype
from dpg_bench.errors import BadInputError, unknown_name
from dpg_bench.generate.base import (
    GenerationDefaults,
    Generator,
    GeneratorSettings,
    ImageRequest,
    MemoryNeed,
    ModelSpec,
)
from dpg_bench.generate.models.ella_weights import (
    CONNECTOR_DOWNLOAD,
    CONNECTOR_OPTION,
    TEXT_ENCODER_DOWNLOAD,
    TEXT_ENCODER_OPTION,
    EllaWeights,
    check_ella_sources,
    ella_errors,
    fetch_ella,
    find_ella,
)
from dpg_bench.generate.models.latent_generator import LatentGenerator
from dpg_bench.generate.models.passes import noise_generators
from dpg_bench.generate.models.pipeline_record import pipeline_provenance
from dpg_bench.generate.models.sd_base import (
    BASE_OPTION,
    DENOISER_DOWNLOAD,
    DENOISER_FILES,
    SCHEDULER_OPTION,
    set_scheduler,
    validate_base,
)
from dpg_bench.generate.models.stable_diffusion import IMAGE_VALUES, SAFETY_NOTE, SAMPLER_NOTE
from dpg_bench.generate.models.unet import COMPILE_OPTION, lay_out
from dpg_bench.hub.loading import load_errors, quiet_libraries
from dpg_bench.plugins import OptionSpec, parse_bool

if TYPE_CHECKING:
    import torch

LENGTH_OPTION = OptionSpec(
    "length", "fixed: prompts padded and cut to 128 tokens, as trained; flexible: read as they are", "fixed"
)
FIXED_NEGATIVE_OPTION = OptionSpec(
    "fixed_negative", "true: with length=flexible, pad the negative prompt alone", "false"
)


class EllaGenerator(LatentGenerator):
    """An ELLA pipeline with its settings."""

    def __init__(self, pipeline: Any, settings: GeneratorSettings, *, weights: EllaWeights, cpu_images: int) -> None:
        super().__init__(pipeline, settings, cpu_images=cpu_images)
        self._weights = weights
        self._length = settings.options.get("length", "fixed")
        self._fixed_negative = parse_bool(settings.model, settings.options, FIXED_NEGATIVE_OPTION.key)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Pipeline class, the three parts' weights with commit and digests, scheduler with its configuration."""
        parts = self._weights
        return pipeline_provenance(
            self._pipeline, {"base": parts.base, "ella": parts.connector, "text_encoder": parts.text_encoder}
        )

    def latents(self, requests: Sequence[ImageRequest]) -> torch.Tensor:
        """As in `LatentGenerator`; a prompt goes through T5 and the connector once."""
        settings = self._settings
        with self._unet.for_batch(len(requests)):
            made: torch.Tensor = self._pipeline(
                [request.prompt for request in requests],
                generator=noise_generators(requests),
                height=settings.size,
                width=settings.size,
                num_inference_steps=settings.steps,
                guidance_scale=settings.guidance,
                length=self._length,
                fixed_negative=self._fixed_negative,
                output_type="latent",
            ).images
        return made


def load_ella(weights: EllaWeights, settings: GeneratorSettings, *, cpu_images: int = 1) -> Generator:
    """The generator of an ELLA pipeline, ready on its device; `cpu_images` as in `split_passes`.

    Raises BadInputError if a part's weights are damaged, of another architecture, or don't fit the others.
    """
    with quiet_libraries(), load_errors("parts of an ELLA pipeline", _names(weights)), ella_errors():
        from ella_models import EllaStableDiffusionPipeline

        connector = next(name for name in weights.connector.files if name.endswith(".safetensors"))
        pipeline = EllaStableDiffusionPipeline.from_pretrained(
            weights.base.folder,
            ella=weights.connector.folder / connector,
            text_encoder=weights.text_encoder.folder,
            dtype=torch_dtype(settings.dtype),
        )
        set_scheduler(pipeline, settings)
        pipeline.to(settings.device)
        lay_out(pipeline, settings)
    return EllaGenerator(pipeline, settings, weights=weights, cpu_images=cpu_images)


def validate_ella_options(settings: GeneratorSettings) -> None:
    """Raises BadInputError for an unknown `length`, or a `fixed_negative` that changes nothing."""
    length = settings.options.get("length", "fixed")
    if length not in ("fixed", "flexible"):
        raise unknown_name("length", length, ["fixed", "flexible"])
    if parse_bool(settings.model, settings.options, FIXED_NEGATIVE_OPTION.key) and length == "fixed":
        raise BadInputError(
            "fixed_negative=true goes with length=flexible; at length=fixed every prompt is padded anyway."
        )


def _load(settings: GeneratorSettings) -> Generator:
    return load_ella(find_ella(settings.options), settings)


def _validate(settings: GeneratorSettings) -> None:
    validate_ella_options(settings)
    check_ella_sources(settings.options)
    validate_base(settings, DENOISER_FILES)


def _names(weights: EllaWeights) -> str:
    return f"{weights.base.source}, {weights.connector.source} and {weights.text_encoder.source}"


ELLA_SD15 = ModelSpec(
    name="ella-sd15",
    summary="ELLA: Stable Diffusion 1.5 conditioned by Flan-T5-XL through a timestep-aware connector",
    defaults=GenerationDefaults(size=512, steps=50, guidance=12.0),
    options=(
        BASE_OPTION,
        SCHEDULER_OPTION,
        CONNECTOR_OPTION,
        TEXT_ENCODER_OPTION,
        LENGTH_OPTION,
        FIXED_NEGATIVE_OPTION,
        COMPILE_OPTION,
    ),
    load=_load,
    validate=_validate,
    fetch=fetch_ella,
    downloads=(DENOISER_DOWNLOAD, CONNECTOR_DOWNLOAD, TEXT_ENCODER_DOWNLOAD),
    notes=(
        SAMPLER_NOTE,
        "Guidance 12, as in ELLA's inference.py; the paper states none for its DPG-Bench numbers.",
        "T5 is cast whole to the run's precision, as ELLA's authors do.",
        SAFETY_NOTE,
    ),
    memory=MemoryNeed(parameters=2_234_000_000, values_per_image=IMAGE_VALUES),
)
