"""The frozen models around the connector: U-Net, noise schedule, VAE and text encoder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import AutoencoderKL, DDPMScheduler, UNet2DConditionModel

from ella_models.errors import EllaError
from ella_models.text_encoder import TextEncoder, TextOptions, load_text_encoder
from ella_models.training.config import TrainingConfig

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def load_unet(config: TrainingConfig, *, device: torch.device) -> UNet2DConditionModel:
    """The U-Net, frozen, in the dtype of the passes.

    Raises EllaError if it can't be loaded, or is an inpainting U-Net.
    """
    unet = _load(UNet2DConditionModel, config, "unet", torch_dtype=DTYPES[config.precision])
    if unet.config.in_channels != unet.config.out_channels:
        raise EllaError(
            f"The U-Net of '{config.base}' reads {unet.config.in_channels} channels and writes "
            f"{unet.config.out_channels}: an inpainting U-Net can use a connector, but not train one."
        )
    return unet.to(device)


def load_schedule(config: TrainingConfig) -> DDPMScheduler:
    """The noise schedule of the base, and whether it predicts noise or v.

    Raises EllaError if it can't be loaded, or predicts something else.
    """
    schedule = _load(DDPMScheduler, config, "scheduler")
    if schedule.config.prediction_type not in {"epsilon", "v_prediction"}:
        raise EllaError(
            f"'{config.base}' predicts {schedule.config.prediction_type}; training knows epsilon and v_prediction."
        )
    return schedule


def load_vae(config: TrainingConfig, *, device: torch.device) -> AutoencoderKL:
    """The VAE, frozen, in float32, since SD 1.5's overflows in float16.

    Raises EllaError if it can't be loaded.
    """
    return _load(AutoencoderKL, config, "vae").to(device)


def load_text_encoder_of(config: TrainingConfig, *, device: torch.device) -> TextEncoder:
    """The text encoder, frozen, in float16 on a GPU, as the authors run it, and in float32 on a CPU.

    Raises EllaError if it can't be loaded.
    """
    encoder = load_text_encoder(
        config.text_encoder,
        revision=config.text_encoder_revision,
        dtype=torch.float32 if device.type == "cpu" else torch.float16,
        options=TextOptions(**config.text.model_dump()),
    )
    model: torch.nn.Module = encoder.model
    model.requires_grad_(False).eval().to(device)
    return encoder


def load_encoders(config: TrainingConfig, *, device: torch.device) -> tuple[AutoencoderKL, TextEncoder]:
    """VAE and text encoder."""
    return load_vae(config, device=device), load_text_encoder_of(config, device=device)


def _load(kind: Any, config: TrainingConfig, part: str, **settings: Any) -> Any:
    if Path(config.base).is_absolute() and not Path(config.base).is_dir():
        raise EllaError(f"There is no folder '{config.base}' to load the base from.")
    try:
        loaded = kind.from_pretrained(config.base, subfolder=part, revision=config.base_revision, **settings)
    except (OSError, ValueError) as error:
        raise EllaError(f"The {part} could not be loaded from '{config.base}': {error}") from error
    if isinstance(loaded, torch.nn.Module):
        loaded.requires_grad_(False).eval()
    return loaded
