"""ELLA's forms of diffusers' Stable Diffusion 1.5 pipelines: their denoising loops, with ELLA's text side."""

from __future__ import annotations

from typing import Any

from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    MultiControlNetModel,
    SchedulerMixin,
    StableDiffusionControlNetImg2ImgPipeline,
    StableDiffusionControlNetInpaintPipeline,
    StableDiffusionControlNetPipeline,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextModel, CLIPVisionModelWithProjection, PreTrainedModel, PreTrainedTokenizerBase

from ella_models.connector import EllaConnector
from ella_models.pipelines.base import EllaPipeline


class EllaStableDiffusionPipeline(EllaPipeline, StableDiffusionPipeline):  # type: ignore[misc]
    """Text to image."""

    plain_class = StableDiffusionPipeline


class EllaStableDiffusionImg2ImgPipeline(EllaPipeline, StableDiffusionImg2ImgPipeline):  # type: ignore[misc]
    """Image to image: the steps that `strength` leaves out get no condition either."""

    plain_class = StableDiffusionImg2ImgPipeline


class EllaStableDiffusionInpaintPipeline(EllaPipeline, StableDiffusionInpaintPipeline):  # type: ignore[misc]
    """Inpainting, with checkpoints made for it (9 channels) and any other (4)."""

    plain_class = StableDiffusionInpaintPipeline
    _input_channels = (4, 9)


class _EllaControlNet(EllaPipeline):
    """The part of an ELLA pipeline with one ControlNet or several, which get the same condition as the U-Net."""

    def __init__(  # noqa: PLR0917 - diffusers reads the components off this signature, in this form
        self,
        vae: AutoencoderKL,
        text_encoder: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        connector: EllaConnector,
        unet: UNet2DConditionModel,
        controlnet: ControlNetModel | list[ControlNetModel] | tuple[ControlNetModel] | MultiControlNetModel,
        scheduler: SchedulerMixin,
        safety_checker: Any = None,
        feature_extractor: Any = None,
        image_encoder: CLIPVisionModelWithProjection | None = None,
        clip_text_encoder: CLIPTextModel | None = None,
        clip_tokenizer: PreTrainedTokenizerBase | None = None,
        requires_safety_checker: bool = False,
    ) -> None:
        self._assemble(
            {
                "vae": vae,
                "text_encoder": text_encoder,
                "tokenizer": tokenizer,
                "unet": unet,
                "controlnet": controlnet,
                "scheduler": scheduler,
                "safety_checker": safety_checker,
                "feature_extractor": feature_extractor,
                "image_encoder": image_encoder,
                "requires_safety_checker": requires_safety_checker,
            },
            connector=connector,
            clip_text_encoder=clip_text_encoder,
            clip_tokenizer=clip_tokenizer,
        )


class EllaStableDiffusionControlNetPipeline(_EllaControlNet, StableDiffusionControlNetPipeline):  # type: ignore[misc]
    """Text to image with ControlNets."""

    plain_class = StableDiffusionControlNetPipeline


class EllaStableDiffusionControlNetImg2ImgPipeline(_EllaControlNet, StableDiffusionControlNetImg2ImgPipeline):  # type: ignore[misc]
    """Image to image with ControlNets."""

    plain_class = StableDiffusionControlNetImg2ImgPipeline


class EllaStableDiffusionControlNetInpaintPipeline(_EllaControlNet, StableDiffusionControlNetInpaintPipeline):  # type: ignore[misc]
    """Inpainting with ControlNets."""

    plain_class = StableDiffusionControlNetInpaintPipeline
    _input_channels = (4, 9)
