"""Stable Diffusion 1.5 through diffusers: finding and loading what `-M base=…` names, the generator, and its entry."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field

from dpg_bench.device import torch_dtype
from dpg_bench.errors import BadInputError, option
from dpg_bench.generate.base import (
    Download,
    GenerationDefaults,
    Generator,
    GeneratorSettings,
    ImageRequest,
    MemoryNeed,
    ModelSpec,
)
from dpg_bench.generate.models.checks import (
    LATENT_MULTIPLE,
    check_numbers,
    check_scheduler,
    scheduler_class,
    size_multiple,
)
from dpg_bench.generate.models.decode import decode_images
from dpg_bench.generate.models.lora import HELP as LORA_HELP
from dpg_bench.generate.models.lora import AppliedLora, Lora, apply_loras, check_loras, find_lora
from dpg_bench.generate.models.passes import noise_generators, split_passes
from dpg_bench.generate.models.pipeline_record import Recorded, pipeline_provenance
from dpg_bench.generate.models.placing import HELP as OFFLOAD_HELP
from dpg_bench.generate.models.placing import Offload, check_offload, place
from dpg_bench.generate.models.single_file import CONFIG_HELP, find_configs, load_single_file
from dpg_bench.generate.models.text_limits import tokenizer_limit
from dpg_bench.generate.models.unet import SwitchedUNet, lay_out
from dpg_bench.hub.huggingface import (
    Repository,
    Weights,
    cached_weights,
    fetch_weights,
    folder_weights,
    local_path,
    read_model_index,
    repository_weights,
)
from dpg_bench.hub.loading import load_errors, load_parts
from dpg_bench.hub.remarks import quiet_libraries
from dpg_bench.hub.weights import weight_files
from dpg_bench.plugins import Options

if TYPE_CHECKING:
    import torch
    from PIL import Image

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

SAFETY_NOTE = "The safety checker is off: it would replace images with black ones, and so change scores."
SAMPLER_NOTE = (
    "512 px, DPMSolverMultistepScheduler built from the model's scheduler configuration and 50 steps, as in ELLA's "
    "inference.py, so that both models are sampled alike."
)
IMAGE_VALUES = 256_000_000
"""What an image of 512 px adds to the memory of a batch, generously: of tensors alive at once, counted at full size,
the U-Net's are 68 million values (guidance included), and the autoencoder's, a few images at a time, 202 million.
"""


@dataclass(frozen=True, slots=True)
class Base:
    """A Stable Diffusion model on this machine: a diffusers folder, or one file with `configs` from elsewhere."""

    weights: Weights
    variant: str | None = None
    configs: Weights | None = None

    def recorded(self) -> Recorded:
        """Its parts, as a run records them."""
        return {"base": self.weights, **({} if self.configs is None else {"config": self.configs})}


class SamplerOptions(Options):
    """What every model on Stable Diffusion 1.5 can be told, whatever its weights."""

    lora: tuple[Lora, ...] = Field(default=(), description=LORA_HELP)
    offload: Offload | None = Field(default=None, description=OFFLOAD_HELP)
    scheduler: str = Field(
        default="DPMSolverMultistepScheduler", description="class name of a diffusers scheduler for Stable Diffusion"
    )


class StableDiffusionOptions(SamplerOptions):
    """The options of `sd15`."""

    base: str = Field(
        default=RELEASED_BASE.name,
        description="Stable Diffusion 1.5, or another model of its kind: repository, folder or single-file checkpoint",
    )
    config: str = Field(default=RELEASED_BASE.name, description=CONFIG_HELP)
    variant: str | None = Field(
        default=None, description="variant of the weights, such as fp16; in a folder found by itself"
    )
    compile: Literal["off", "auto"] = Field(
        default="off", description="auto: compile the U-Net for a CUDA GPU if the run is long enough to pay for it"
    )


def find_base(options: StableDiffusionOptions, files: tuple[str, ...] = BASE_FILES) -> Base:
    """What the options name as base, as far as `files` says; downloaded if need be."""
    path = local_path(options.base)
    if path is None:
        return Base(repository_weights(_repository(options, files)), options.variant)
    if path.is_file():
        single = Weights(options.base, None, path.parent, (path.name,))
        return Base(single, options.variant, find_configs(options.config, revision=_pinned(options.config)))
    return Base(_folder_weights(path, files, options.variant), options.variant)


def fetch_base(options: StableDiffusionOptions, files: tuple[str, ...] = BASE_FILES) -> None:
    """Download and verify what `find_base` and the LoRAs will need."""
    fetch_loras(options)
    path = local_path(options.base)
    if path is None:
        fetch_weights(_repository(options, files))
    elif path.is_file():
        find_configs(options.config, revision=_pinned(options.config))


def fetch_loras(options: SamplerOptions) -> None:
    """Download and verify the LoRAs that the options name."""
    for lora in options.lora:
        find_lora(lora)


def pending_base(
    options: StableDiffusionOptions, files: tuple[str, ...] = BASE_FILES, download: Download = BASE_DOWNLOAD
) -> tuple[Download, ...]:
    """What `find_base` would download; `download` describes the released base."""
    path = local_path(options.base)
    if path is not None:
        return ()
    repository = _repository(options, files)
    if cached_weights(repository) is not None:
        return ()
    own = options.base == RELEASED_BASE.name
    return (download if own else Download("the base", repository.name, repository.revision or "newest", 0),)


def load_base(base: Base, settings: GeneratorSettings[SamplerOptions], *, clip: bool = True) -> Any:
    """The Stable Diffusion pipeline in `base`, in the settings' precision, on the CPU; without CLIP if not wanted.

    Raises BadInputError if the weights are damaged, incomplete or of another architecture.
    """
    off: dict[str, Any] = {"safety_checker": None, "feature_extractor": None, "requires_safety_checker": False}
    off |= {} if clip else {"text_encoder": None, "tokenizer": None}
    with quiet_libraries(), load_errors("a Stable Diffusion pipeline", base.weights):
        from diffusers import StableDiffusionPipeline

        dtype = torch_dtype(settings.dtype)
        if base.configs is not None:
            (file,) = base.weights.files
            path = base.weights.folder / file
            return load_single_file(StableDiffusionPipeline, path, base.configs, dtype=dtype, parts=off)
        parts = load_parts(base.weights.folder, dtype, variant=base.variant, without=off)
        return StableDiffusionPipeline.from_pretrained(
            base.weights.folder, **{**parts, **off}, dtype=dtype, local_files_only=True
        )


def make_ready(pipeline: Any, settings: GeneratorSettings[SamplerOptions]) -> Mapping[str, AppliedLora]:
    """Give the pipeline the settings' scheduler and LoRAs, and bring it to their device; the LoRAs that it has now."""
    distilled = pipeline.unet.config.time_cond_proj_dim is not None
    if not distilled and settings.guidance is not None and settings.guidance < 1:
        raise BadInputError(
            f"guidance is {settings.guidance:g}, but at 1 or less nothing guides, and a scale below 1 is not applied. "
            "Say 1 for no guidance."
        )
    if settings.negative_prompt is not None and distilled:
        raise BadInputError(
            f"The negative prompt changes nothing: this U-Net is distilled with its guidance (LCM) and reads none. "
            f"Leave '{settings.negative_prompt}' out."
        )
    with quiet_libraries():
        set_scheduler(pipeline, settings)
        loras = apply_loras(pipeline, settings.options.lora)
        place(pipeline, settings, offload=settings.options.offload)
        lay_out(pipeline, settings)
    return loras


def set_scheduler(pipeline: Any, settings: GeneratorSettings[SamplerOptions]) -> None:
    """Give the pipeline the scheduler of the settings, built from the configuration of its own."""
    pipeline.scheduler = scheduler_class(settings.options.scheduler).from_config(pipeline.scheduler.config)
    pipeline.set_progress_bar_config(disable=True)


def validate_sampler(settings: GeneratorSettings[SamplerOptions], *, multiple: int = LATENT_MULTIPLE) -> None:
    """Raises BadInputError for an unknown scheduler, a LoRA that isn't there, or numbers out of range."""
    check_numbers(settings, size_multiple=multiple)
    if settings.negative_prompt is not None and settings.guidance is not None and settings.guidance <= 1:
        raise BadInputError(
            f"A negative prompt changes nothing at guidance {settings.guidance:g}. Raise the guidance above 1, or "
            f"leave '{settings.negative_prompt}' out."
        )
    if "scheduler" in settings.options.model_fields_set:
        check_scheduler(settings.options.scheduler)
    check_loras(settings.options.lora)
    check_offload(settings.options.offload, settings.device)


def validate_base(settings: GeneratorSettings[StableDiffusionOptions], files: tuple[str, ...] = BASE_FILES) -> None:
    """Raises BadInputError for a base that can't be one, an unknown scheduler, or numbers out of range."""
    base = settings.options.base
    multiple = LATENT_MULTIPLE
    folder = local_path(base)
    if folder is not None and folder.is_file():
        configs = local_path(settings.options.config)
        if configs is not None:
            multiple = size_multiple(find_configs(settings.options.config).folder)
    elif folder is not None:
        pipeline = read_model_index(folder)["_class_name"]
        if pipeline != "StableDiffusionPipeline":
            raise BadInputError(
                f"{folder} holds a {pipeline}, but {settings.model} is built on a StableDiffusionPipeline. "
                f"To benchmark it as it is, use {option('model', f'diffusers:{base}')}."
            )
        _folder_weights(folder, files, settings.options.variant)
        multiple = size_multiple(folder)
    validate_sampler(settings, multiple=multiple)


def _folder_weights(folder: Path, files: tuple[str, ...], variant: str | None) -> Weights:
    """What of `files` is in the folder, its weights in whichever form they have there."""
    plain = folder_weights(folder, tuple(name for name in files if not name.endswith(".safetensors")))
    chosen: list[str] = []
    for name in files:
        if name.endswith(".safetensors"):
            component = Path(name).parent
            found = weight_files(folder / component, variant=variant)
            if found is None:
                raise BadInputError(f"The folder {folder} has no {name}, nor weights in another form.")
            chosen += [f"{component}/{file}" for file in found.names]
    return replace(plain, files=(*plain.files, *chosen))


def _pinned(name: str) -> str | None:
    return RELEASED_BASE.revision if name == RELEASED_BASE.name else None


def _repository(options: StableDiffusionOptions, files: tuple[str, ...]) -> Repository:
    name = options.base
    if options.variant is not None:
        files = tuple(file.replace(".safetensors", f".{options.variant}.safetensors") for file in files)
        return Repository(name, _pinned(name), files)
    if name != RELEASED_BASE.name:
        return Repository(name, None, files)
    known = {file: digest for file, digest in RELEASED_BASE.sha256.items() if file in files}
    return replace(RELEASED_BASE, files=files, sha256=known)


class LatentGenerator(ABC):
    """A pipeline with its settings; how it goes through a batch, and what `cpu_images` is, `passes` explains."""

    def __init__(self, pipeline: Any, settings: GeneratorSettings[SamplerOptions], *, cpu_images: int) -> None:
        self._pipeline = pipeline
        self._unet = SwitchedUNet(pipeline, compiled_batch=settings.compiled_batch)
        self._settings = settings
        self._cpu_images = cpu_images

    @property
    @abstractmethod
    def provenance(self) -> Mapping[str, Any]:
        """Pipeline class, weights with commit and digests, scheduler with its configuration."""

    @abstractmethod
    def latents(self, requests: Sequence[ImageRequest]) -> torch.Tensor:
        """The final latents of `requests`, made in one pass, (N, 4, height / 8, width / 8).

        In a pass, a prompt is encoded once.
        """

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        """One RGB image per request, in order."""
        images: list[Image.Image] = []
        with quiet_libraries():
            for part in split_passes(requests, self._settings.device, cpu_images=self._cpu_images):
                latents = self.latents(part.requests)
                images += decode_images(self._pipeline, latents)[: part.wanted]
        return images


class StableDiffusionGenerator(LatentGenerator):
    """A Stable Diffusion pipeline with its settings."""

    def __init__(
        self, pipeline: Any, settings: GeneratorSettings[SamplerOptions], *, weights: Recorded, cpu_images: int
    ) -> None:
        super().__init__(pipeline, settings, cpu_images=cpu_images)
        self._weights = weights
        self._negative: torch.Tensor | None = None
        self.text_limits = (tokenizer_limit("tokenizer", pipeline.tokenizer, pipeline.tokenizer.model_max_length),)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Pipeline class, weights with commit and digests, scheduler with its configuration."""
        return pipeline_provenance(self._pipeline, self._weights)

    def latents(self, requests: Sequence[ImageRequest]) -> torch.Tensor:
        """As in `LatentGenerator`; a prompt goes through CLIP once."""
        import torch

        settings = self._settings
        with torch.inference_mode(), self._unet.for_batch(len(requests)):
            if self._negative is None:
                self._negative = self._encode([settings.negative_prompt or ""])
            prompts = list(dict.fromkeys(request.prompt for request in requests))
            conditions = self._encode(prompts)[[prompts.index(request.prompt) for request in requests]]
            made: torch.Tensor = self._pipeline(
                prompt_embeds=conditions,
                negative_prompt_embeds=self._negative.expand_as(conditions),
                generator=noise_generators(requests),
                height=settings.size,
                width=settings.size,
                num_inference_steps=settings.steps,
                guidance_scale=settings.guidance,
                output_type="latent",
            ).images
        return made

    def _encode(self, prompts: list[str]) -> torch.Tensor:
        """CLIP's last hidden states, (prompts, 77, width); what is longer than 77 tokens is cut off."""
        tokenizer = self._pipeline.tokenizer
        tokens = tokenizer(
            prompts,
            padding="max_length",
            max_length=tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        )
        states: torch.Tensor = self._pipeline.text_encoder(tokens.input_ids.to(self._settings.device))[0]
        return states


def load_stable_diffusion(base: Base, settings: GeneratorSettings[SamplerOptions], *, cpu_images: int = 1) -> Generator:
    """The generator of a Stable Diffusion pipeline, ready on its device; `cpu_images` as in `split_passes`."""
    pipeline = load_base(base, settings)
    loras = make_ready(pipeline, settings)
    return StableDiffusionGenerator(pipeline, settings, weights={**base.recorded(), **loras}, cpu_images=cpu_images)


def _load(settings: GeneratorSettings[StableDiffusionOptions]) -> Generator:
    return load_stable_diffusion(find_base(settings.options), settings)


SD15 = ModelSpec(
    name="sd15",
    summary="Stable Diffusion 1.5, conditioned by CLIP (77 tokens; the rest of a longer prompt is not read)",
    defaults=GenerationDefaults(size=512, steps=50, guidance=7.5),
    options=StableDiffusionOptions,
    load=_load,
    validate=validate_base,
    fetch=fetch_base,
    downloads=(BASE_DOWNLOAD,),
    notes=(SAMPLER_NOTE, "Guidance 7.5, from its model card.", SAFETY_NOTE),
    takes_negative_prompt=True,
    pending=pending_base,
    memory=MemoryNeed(parameters=1_066_000_000, values_per_image=IMAGE_VALUES),
)
