"""Stable Diffusion 1.5 through diffusers: the generator, and its entry in the list of models."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from dpg_bench.generate.base import (
    GenerationDefaults,
    Generator,
    GeneratorSettings,
    ImageRequest,
    MemoryNeed,
    ModelSpec,
)
from dpg_bench.generate.models.latent_generator import LatentGenerator
from dpg_bench.generate.models.passes import noise_generators
from dpg_bench.generate.models.pipeline_record import pipeline_provenance
from dpg_bench.generate.models.sd_base import (
    BASE_DOWNLOAD,
    BASE_OPTION,
    SCHEDULER_OPTION,
    fetch_base,
    find_base,
    load_base,
    validate_base,
)
from dpg_bench.generate.models.unet import COMPILE_OPTION
from dpg_bench.hub.huggingface import Weights

if TYPE_CHECKING:
    import torch

SAFETY_NOTE = "The safety checker is off: it would replace images with black ones, and so change scores."
SAMPLER_NOTE = (
    "512 px, DPMSolverMultistepScheduler built from the model's scheduler configuration and 50 steps, as in ELLA's "
    "inference.py, so that both models are sampled alike."
)
IMAGE_VALUES = 256_000_000
"""What an image of 512 px adds to the memory of a batch, generously: of tensors alive at once, counted at full size,
the U-Net's are 68 million values (guidance included), and the autoencoder's, a few images at a time, 202 million.
"""


class StableDiffusionGenerator(LatentGenerator):
    """A Stable Diffusion pipeline with its settings."""

    def __init__(self, pipeline: Any, settings: GeneratorSettings, *, base: Weights, cpu_images: int) -> None:
        super().__init__(pipeline, settings, cpu_images=cpu_images)
        self._base = base
        self._empty: torch.Tensor | None = None

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Pipeline class, weights with commit and digests, scheduler with its configuration."""
        return pipeline_provenance(self._pipeline, {"base": self._base})

    def latents(self, requests: Sequence[ImageRequest]) -> torch.Tensor:
        """As in `LatentGenerator`; a prompt goes through CLIP once."""
        import torch

        settings = self._settings
        with torch.inference_mode(), self._unet.for_batch(len(requests)):
            if self._empty is None:
                self._empty = self._encode([""])
            prompts = list(dict.fromkeys(request.prompt for request in requests))
            conditions = self._encode(prompts)[[prompts.index(request.prompt) for request in requests]]
            made: torch.Tensor = self._pipeline(
                prompt_embeds=conditions,
                negative_prompt_embeds=self._empty.expand_as(conditions),
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


def load_stable_diffusion(base: Weights, settings: GeneratorSettings, *, cpu_images: int = 1) -> Generator:
    """The generator of a Stable Diffusion pipeline, ready on its device; `cpu_images` as in `split_passes`."""
    return StableDiffusionGenerator(load_base(base, settings), settings, base=base, cpu_images=cpu_images)


def _load(settings: GeneratorSettings) -> Generator:
    return load_stable_diffusion(find_base(settings.options), settings)


SD15 = ModelSpec(
    name="sd15",
    summary="Stable Diffusion 1.5, conditioned by CLIP (77 tokens; the rest of a longer prompt is not read)",
    defaults=GenerationDefaults(size=512, steps=50, guidance=7.5),
    options=(BASE_OPTION, SCHEDULER_OPTION, COMPILE_OPTION),
    load=_load,
    validate=validate_base,
    fetch=fetch_base,
    downloads=(BASE_DOWNLOAD,),
    notes=(SAMPLER_NOTE, "Guidance 7.5, from its model card.", SAFETY_NOTE),
    memory=MemoryNeed(parameters=1_066_000_000, values_per_image=IMAGE_VALUES),
)
