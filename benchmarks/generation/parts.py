"""Stable Diffusion 1.5 and ELLA at full size with random weights, built from their sizes; nothing is downloaded.

Tokenizers are those of the toy models: their ids and the texts' lengths in tokens are what counts here, not the words.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DPMSolverMultistepScheduler, StableDiffusionPipeline, UNet2DConditionModel
from transformers import CLIPTextConfig, CLIPTextModel, T5Config, T5EncoderModel

from dpg_bench.device import torch_dtype
from dpg_bench.generate.base import GeneratorSettings
from dpg_bench.generate.models.stable_diffusion import set_scheduler
from dpg_bench.generate.models.tiny_weights import tiny_base, tiny_connector, tiny_text_encoder
from dpg_bench.hub.huggingface import Weights
from dpg_bench.hub.loading import load_parts
from dpg_bench.hub.remarks import quiet_libraries
from ella_models import CONNECTOR_PRESETS, EllaConnector, EllaStableDiffusionPipeline, T5TextEncoder

BASE_WEIGHTS = {"base": Weights("random weights", None, Path(), ())}
"""As a run would record them, of both pipelines."""


@dataclass(frozen=True, slots=True)
class Parts:
    """The two pipelines, on their device; U-Net, autoencoder and scheduler are the same objects in both."""

    base: Any
    ella: Any


def full_parts(settings: GeneratorSettings) -> Parts:
    """The real sizes, drawn on the device."""
    dtype = torch_dtype(settings.dtype)
    with quiet_libraries(), torch.device(settings.device):
        torch.manual_seed(0)
        unet = UNet2DConditionModel(sample_size=64, cross_attention_dim=768, attention_head_dim=8)
        vae = AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            layers_per_block=2,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            sample_size=512,
        )
        clip = CLIPTextModel(CLIPTextConfig(hidden_size=768, intermediate_size=3072, num_attention_heads=12))
        t5 = T5EncoderModel(
            T5Config(
                vocab_size=32128,
                d_model=2048,
                d_kv=64,
                d_ff=5120,
                num_layers=24,
                num_heads=32,
                feed_forward_proj="gated-gelu",
                is_encoder_decoder=False,
                use_cache=False,
            )
        )
        connector = EllaConnector.from_sizes(CONNECTOR_PRESETS["sd1.5-t5xl"])
    for model in (unet, vae, clip, t5, connector):
        model.requires_grad_(False).eval().to(dtype)
    toy = toy_parts(settings)
    base = StableDiffusionPipeline(
        vae=vae,
        text_encoder=clip,
        tokenizer=toy.base.tokenizer,
        unet=unet,
        scheduler=toy.base.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    base.set_progress_bar_config(disable=True)
    return Parts(base, _with_ella(base, connector, T5TextEncoder(toy.ella.tokenizer, t5)))


def toy_parts(settings: GeneratorSettings) -> Parts:
    """The toy models of `tiny-sd15` and `tiny-ella-sd15`."""
    from ella_models import load_connector

    dtype = torch_dtype(settings.dtype)
    with quiet_libraries():
        folder = tiny_base().folder
        base = StableDiffusionPipeline.from_pretrained(folder, **load_parts(folder, dtype), dtype=dtype)
        set_scheduler(base, settings)
        base.to(settings.device)
        connector = load_connector(tiny_connector().folder / "ella.safetensors", dtype=dtype)
        encoder = T5TextEncoder.from_pretrained(tiny_text_encoder().folder, dtype=dtype)
        return Parts(base, _with_ella(base, connector.to(settings.device), encoder))


def _with_ella(base: Any, connector: EllaConnector, encoder: T5TextEncoder) -> Any:
    assert isinstance(base.scheduler, DPMSolverMultistepScheduler)
    ella = EllaStableDiffusionPipeline(
        vae=base.vae,
        text_encoder=encoder.model.to(base.device),
        tokenizer=encoder.tokenizer,
        connector=connector,
        unet=base.unet,
        scheduler=base.scheduler,
    )
    ella.set_progress_bar_config(disable=True)
    return ella
