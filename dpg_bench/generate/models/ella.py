"""ELLA on Stable Diffusion 1.5 (arXiv 2403.05135): its parts, the generator on `ella_models`, and its entry."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import Field

from dpg_bench.device import torch_dtype
from dpg_bench.errors import BadInputError
from dpg_bench.generate.base import (
    Download,
    GenerationDefaults,
    Generator,
    GeneratorSettings,
    ImageRequest,
    MemoryNeed,
    ModelSpec,
    TextLimit,
)
from dpg_bench.generate.models.passes import noise_generators
from dpg_bench.generate.models.pipeline_record import Recorded, pipeline_provenance
from dpg_bench.generate.models.stable_diffusion import (
    BASE_DOWNLOAD,
    BASE_FILES,
    DENOISER_DOWNLOAD,
    DENOISER_FILES,
    IMAGE_VALUES,
    SAFETY_NOTE,
    SAMPLER_NOTE,
    Base,
    LatentGenerator,
    SamplerOptions,
    StableDiffusionOptions,
    fetch_base,
    fetch_loras,
    find_base,
    load_base,
    make_ready,
    pending_base,
    validate_base,
    validate_sampler,
)
from dpg_bench.generate.models.text_limits import tokenizer_limit
from dpg_bench.hub.huggingface import (
    Repository,
    Weights,
    cached_weights,
    fetch_weights,
    folder_weights,
    hub_errors,
    is_folder,
    local_path,
    pipeline_files,
    read_model_index,
    repository_weights,
)
from dpg_bench.hub.loading import load_errors
from dpg_bench.hub.remarks import quiet_libraries

if TYPE_CHECKING:
    import torch

# Commit and digest as refiners' conversion script for ELLA (finegrain-ai/refiners) states them.
RELEASED_CONNECTOR = Repository(
    "QQGYLab/ELLA",
    "c07675dea7873abe24a4152e1140cf0131c217d2",
    ("ella-sd1.5-tsc-t5xl.safetensors",),
    {"ella-sd1.5-tsc-t5xl.safetensors": "ca2018e325170d622389b531c0a061eea9d856b80e58e359ed54ade881517417"},
)
# Commit as several public repositories pin it, Infinity's users (FoundationVision) among them.
RELEASED_TEXT_ENCODER = Repository(
    "google/flan-t5-xl",
    "7d6315df2c2fb742f0f5b556879d730926ca9001",
    (
        "config.json",
        "model.safetensors.index.json",
        "model-*.safetensors",
        "spiece.model",
        "special_tokens_map.json",
        "tokenizer.json",
        "tokenizer_config.json",
    ),
)
_ENCODER_ALONE = "models--google--flan-t5-xl--text_encoder"
"""The folder of `QQGYLab/ELLA` that holds Flan-T5-XL's encoder in float16 and its tokenizer, at the pinned commit."""
_TEXT_ENCODER_FILES = ("config.json", "*.safetensors", "tokenizer_config.json")
_TEXT_ENCODER_EXTRAS = ("*.safetensors.index.json", "spiece.model", "special_tokens_map.json", "tokenizer.json")

CONNECTOR_DOWNLOAD = Download(
    "ELLA's connector", RELEASED_CONNECTOR.name, str(RELEASED_CONNECTOR.revision), gigabytes=0.134
)
TEXT_ENCODER_DOWNLOAD = Download(
    "Flan-T5-XL, decoder included", RELEASED_TEXT_ENCODER.name, str(RELEASED_TEXT_ENCODER.revision), gigabytes=11.4
)


class EllaTextOptions(SamplerOptions):
    """How ELLA reads prompts, whatever its weights."""

    length: Literal["fixed", "flexible"] = Field(
        default="fixed", description="fixed: prompts padded and cut to 128 tokens, as trained; flexible: as they are"
    )
    fixed_negative: bool = Field(default=False, description="with length=flexible, pad the negative prompt alone")
    clip: bool = Field(default=False, description="ELLA + CLIP: the U-Net reads CLIP's tokens after ELLA's")
    refused: ClassVar[Mapping[str, str]] = {
        "controlnet": "a text-only benchmark gives no control image, so there is no ControlNet to use"
    }


class EllaOptions(EllaTextOptions, StableDiffusionOptions):
    """The options of `ella-sd15`."""

    ella: str = Field(
        default=RELEASED_CONNECTOR.name,
        description="connector weights: .safetensors file (sizes in a .json beside it), folder or repository",
    )
    text_encoder: str = Field(
        default=RELEASED_TEXT_ENCODER.name,
        description=f"T5 encoder: repository or folder; {RELEASED_CONNECTOR.name}: the encoder alone, float16, 2.95 GB",
    )


@dataclass(frozen=True, slots=True)
class EllaWeights:
    """The three parts, on this machine; `base` alone if it's a saved ELLA pipeline, which holds the others."""

    base: Base
    connector: Weights | None = None
    text_encoder: Weights | None = None

    def recorded(self) -> Recorded:
        """The parts, as a run records them."""
        parts = {"ella": self.connector, "text_encoder": self.text_encoder}
        return {**self.base.recorded(), **{name: part for name, part in parts.items() if part is not None}}


def find_ella(options: EllaOptions) -> EllaWeights:
    """The weights that the options name, or the released ones; downloaded if need be."""
    saved = _saved_pipeline(options)
    if saved is not None:
        return EllaWeights(Base(Weights(options.base, None, saved, pipeline_files(saved))))
    return EllaWeights(
        base=find_base(options, _base_files(options)),
        connector=_find_connector(options.ella),
        text_encoder=_find_text_encoder(options.text_encoder),
    )


def fetch_ella(options: EllaOptions) -> None:
    """Download and verify what `find_ella` and the LoRAs will need."""
    if _saved_pipeline(options) is not None:
        fetch_loras(options)
        return
    fetch_base(options, _base_files(options))
    connector = options.ella
    if connector == RELEASED_CONNECTOR.name:
        fetch_weights(RELEASED_CONNECTOR)
    else:
        _find_connector(connector)
    if not is_folder(options.text_encoder):
        fetch_weights(_text_encoder_repository(options.text_encoder))


def pending_ella(options: EllaOptions) -> tuple[Download, ...]:
    """What `find_ella` would download."""
    if _saved_pipeline(options) is not None:
        return ()
    released = BASE_DOWNLOAD if options.clip else DENOISER_DOWNLOAD
    pending = list(pending_base(options, _base_files(options), released))
    if options.ella == RELEASED_CONNECTOR.name and cached_weights(RELEASED_CONNECTOR) is None:
        pending.append(CONNECTOR_DOWNLOAD)
    if not is_folder(options.text_encoder):
        repository = _text_encoder_repository(options.text_encoder)
        if cached_weights(repository) is None:
            size = {RELEASED_TEXT_ENCODER.name: TEXT_ENCODER_DOWNLOAD.gigabytes, RELEASED_CONNECTOR.name: 2.95}
            gigabytes = size.get(repository.name, 0)
            pending.append(Download("the text encoder", repository.name, repository.revision or "newest", gigabytes))
    return tuple(pending)


def check_ella_sources(options: EllaOptions) -> None:
    """Raises BadInputError for a connector or text encoder that is neither here nor a repository's name."""
    connector = options.ella
    if not Path(connector).expanduser().is_file():
        if connector.endswith(".safetensors") and connector.count("/") != 2:  # OWNER/REPOSITORY/FILE is on the Hub
            raise BadInputError(f"ella={connector} names a file that is not there.")
        is_folder(connector.removesuffix(f"/{Path(connector).name}") if connector.count("/") == 2 else connector)
    if is_folder(options.text_encoder):
        _text_encoder_folder(options.text_encoder)


@contextmanager
def ella_errors() -> Iterator[None]:
    """Pass on what `ella_models` says about weights and arguments as a BadInputError."""
    from ella_models import EllaError

    try:
        yield
    except EllaError as error:
        raise BadInputError(str(error)) from error


def _find_connector(source: str) -> Weights:
    if source == RELEASED_CONNECTOR.name:
        return repository_weights(RELEASED_CONNECTOR)
    from ella_models import find_connector

    here = Path(source).expanduser()
    with hub_errors(source), ella_errors():
        files = find_connector(here if here.exists() else source)
    folder = files.weights.parent
    names = tuple(path.name for path in (files.weights, files.sizes) if path is not None)
    return Weights(source, None if here.exists() else folder.name, folder, names)


def _find_text_encoder(source: str) -> Weights:
    if is_folder(source):
        return _text_encoder_folder(source)
    found = repository_weights(_text_encoder_repository(source))
    if source != RELEASED_CONNECTOR.name:
        return found
    names = tuple(name.removeprefix(f"{_ENCODER_ALONE}/") for name in found.files)
    return replace(found, folder=found.folder / _ENCODER_ALONE, files=names)


def _text_encoder_folder(source: str) -> Weights:
    return folder_weights(Path(source).expanduser(), _TEXT_ENCODER_FILES, optional=_TEXT_ENCODER_EXTRAS)


def _text_encoder_repository(name: str) -> Repository:
    if name == RELEASED_TEXT_ENCODER.name:
        return RELEASED_TEXT_ENCODER
    if name == RELEASED_CONNECTOR.name:
        files, extras = (
            tuple(f"{_ENCODER_ALONE}/{file}" for file in names) for names in (_TEXT_ENCODER_FILES, _TEXT_ENCODER_EXTRAS)
        )
        return Repository(name, RELEASED_CONNECTOR.revision, files, optional=extras)
    return Repository(name, None, _TEXT_ENCODER_FILES, optional=_TEXT_ENCODER_EXTRAS)


class EllaGenerator(LatentGenerator):
    """An ELLA pipeline with its settings."""

    def __init__(
        self, pipeline: Any, settings: GeneratorSettings[EllaTextOptions], *, weights: Recorded, cpu_images: int
    ) -> None:
        super().__init__(pipeline, settings, cpu_images=cpu_images)
        self._weights = weights
        self._options = settings.options
        self.text_limits = _text_limits(pipeline) if settings.options.length == "fixed" else ()

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Pipeline class, the three parts' weights with commit and digests, scheduler with its configuration."""
        return pipeline_provenance(self._pipeline, self._weights)

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
                negative_prompt=settings.negative_prompt,
                length=self._options.length,
                fixed_negative=self._options.fixed_negative,
                clip=self._options.clip,
                output_type="latent",
            ).images
        return made


def load_ella(weights: EllaWeights, settings: GeneratorSettings[EllaTextOptions], *, cpu_images: int = 1) -> Generator:
    """The generator of an ELLA pipeline, ready on its device; `cpu_images` as in `split_passes`.

    Raises BadInputError if a part's weights are damaged, of another architecture, or don't fit the others.
    """
    dtype = torch_dtype(settings.dtype)
    with quiet_libraries(), load_errors("parts of an ELLA pipeline", *_parts(weights)), ella_errors():
        from ella_models import EllaStableDiffusionPipeline

        if weights.connector is None or weights.text_encoder is None:
            pipeline = EllaStableDiffusionPipeline.from_pretrained(weights.base.weights.folder, dtype=dtype)
        else:
            plain = load_base(weights.base, settings, clip=settings.options.clip)
            connector = next(name for name in weights.connector.files if name.endswith(".safetensors"))
            pipeline = EllaStableDiffusionPipeline.from_pipe(
                plain,
                ella=weights.connector.folder / connector,
                text_encoder=weights.text_encoder.folder,
                dtype=dtype,
            )
        if settings.options.clip and getattr(pipeline, "clip_text_encoder", None) is None:
            raise BadInputError(f"clip=true needs CLIP beside ELLA, and {weights.base.weights.source} holds none.")
    loras = make_ready(pipeline, settings)
    return EllaGenerator(pipeline, settings, weights={**weights.recorded(), **loras}, cpu_images=cpu_images)


def validate_length(options: EllaTextOptions) -> None:
    """Raises BadInputError for a `fixed_negative` that changes nothing."""
    if options.fixed_negative and options.length == "fixed":
        raise BadInputError(
            "fixed_negative=true goes with length=flexible; at length=fixed every prompt is padded anyway."
        )


def validate_text_and_sampler(settings: GeneratorSettings[EllaTextOptions]) -> None:
    """What any ELLA of fixed weights must hold. Raises BadInputError as `validate_length` and `validate_sampler` do."""
    validate_length(settings.options)
    validate_sampler(settings)


def _load(settings: GeneratorSettings[EllaOptions]) -> Generator:
    return load_ella(find_ella(settings.options), settings)


def _validate(settings: GeneratorSettings[EllaOptions]) -> None:
    validate_length(settings.options)
    if _saved_pipeline(settings.options) is not None:
        validate_sampler(settings)
        return
    check_ella_sources(settings.options)
    validate_base(settings, _base_files(settings.options))


def _base_files(options: EllaTextOptions) -> tuple[str, ...]:
    return BASE_FILES if options.clip else DENOISER_FILES


def _saved_pipeline(options: EllaOptions) -> Path | None:
    """The folder of a saved ELLA pipeline, if the options name one as base.

    Raises BadInputError if they name other parts beside it.
    """
    folder = local_path(options.base)
    if folder is None or not folder.is_dir() or not (folder / "model_index.json").is_file():
        return None
    if read_model_index(folder)["_class_name"] != "EllaStableDiffusionPipeline":
        return None
    for part in ("ella", "text_encoder"):
        if part in options.model_fields_set:
            raise BadInputError(
                f"base={options.base} is a whole ELLA pipeline, with its own {part}. Leave {part}= out."
            )
    return folder


def _text_limits(pipeline: Any) -> tuple[TextLimit, ...]:
    from ella_models import TextOptions

    tokens = TextOptions.read(getattr(pipeline.connector, "text_options", None) or {}).tokens
    return (tokenizer_limit("tokenizer", pipeline.tokenizer, tokens),)


def _parts(weights: EllaWeights) -> list[Weights]:
    return [part for part in weights.recorded().values() if isinstance(part, Weights)]


ELLA_SD15 = ModelSpec(
    name="ella-sd15",
    summary="ELLA: Stable Diffusion 1.5 conditioned by Flan-T5-XL through a timestep-aware connector",
    defaults=GenerationDefaults(size=512, steps=50, guidance=12.0),
    options=EllaOptions,
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
    takes_negative_prompt=True,
    pending=pending_ella,
    memory=MemoryNeed(parameters=2_234_000_000, values_per_image=IMAGE_VALUES),
)
