"""Toy forms of diffusers' text-to-image pipelines: the real classes, of a few thousand random weights each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import diffusers
import torch
import transformers

from dpg_bench.generate.models.tiny_weights import tiny_base
from dpg_bench.hub.remarks import quiet_libraries
from tests.toy_parts import clip_text, clip_tokenizer, sd_unet, vae
from tests.toy_transformers import (
    aura_flow,
    chroma,
    cogview4,
    flux,
    flux2_klein,
    hunyuan_image,
    kandinsky5,
    lumina2,
    pixart,
    qwen_image,
    sana,
    sd3,
    wan,
    z_image,
)


def stable_diffusion() -> Any:
    return diffusers.StableDiffusionPipeline.from_pretrained(
        tiny_base().folder, safety_checker=None, requires_safety_checker=False
    )


def latent_consistency() -> Any:
    return diffusers.LatentConsistencyModelPipeline(
        vae=vae(),
        text_encoder=clip_text(transformers.CLIPTextModel, 16),
        tokenizer=clip_tokenizer(),
        unet=sd_unet(time_cond_proj_dim=8),
        scheduler=diffusers.LCMScheduler(steps_offset=1),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def sdxl() -> Any:
    return diffusers.StableDiffusionXLPipeline(
        vae=vae(),
        text_encoder=clip_text(transformers.CLIPTextModel, 16),
        text_encoder_2=clip_text(transformers.CLIPTextModelWithProjection, 16),
        tokenizer=clip_tokenizer(),
        tokenizer_2=clip_tokenizer(),
        unet=sd_unet(
            use_linear_projection=True,
            addition_embed_type="text_time",
            addition_time_embed_dim=8,
            projection_class_embeddings_input_dim=6 * 8 + 16,
            cross_attention_dim=32,
        ),
        scheduler=diffusers.EulerDiscreteScheduler(),
    )


TOYS: Mapping[str, Callable[[], Any]] = {
    "Stable Diffusion": stable_diffusion,
    "SDXL": sdxl,
    "SD3": sd3,
    "LCM": latent_consistency,
    "Flux dev": lambda: flux(guided=True),
    "Flux schnell": lambda: flux(guided=False),
    "Flux.2 klein": lambda: flux2_klein(distilled=False),
    "Flux.2 klein distilled": lambda: flux2_klein(distilled=True),
    "Qwen-Image": qwen_image,
    "Sana": lambda: sana(diffusers.SanaPipeline, sprint=False),
    "SanaSprint": lambda: sana(diffusers.SanaSprintPipeline, sprint=True),
    "PixArt Sigma": pixart,
    "HunyuanImage": hunyuan_image,
    "Lumina 2": lumina2,
    "Z-Image": z_image,
    "Chroma": chroma,
    "CogView4": cogview4,
    "AuraFlow": aura_flow,
    "Kandinsky 5": kandinsky5,
    "Wan, one frame": wan,
}


TOY_OPTIONS: Mapping[str, Mapping[str, str]] = {
    "Flux.2 klein": {"text_encoder_out_layers": "0,1,2"},
    "Flux.2 klein distilled": {"text_encoder_out_layers": "0,1,2"},
    "Sana": {"complex_human_instruction": "none", "use_resolution_binning": "false"},
    "SanaSprint": {"complex_human_instruction": "none", "use_resolution_binning": "false"},
    "PixArt Sigma": {"use_resolution_binning": "false"},
}
"""Arguments that the toys need because they are so small."""


def save_toy(name: str, folder: Path) -> Path:
    """Build the toy `name` from a fixed seed and save it."""
    with quiet_libraries():
        torch.manual_seed(7)
        pipeline = TOYS[name]()
        for part in (getattr(pipeline, "transformer", None), getattr(pipeline, "unet", None)):
            for weight in [] if part is None else part.parameters():
                if not weight.any():  # what starts at zero, to be learnt, would keep prompts out
                    torch.nn.init.normal_(weight, std=0.1)
        pipeline.save_pretrained(folder)
    return folder
