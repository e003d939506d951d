"""SDXL conditioned by ELLA. Neither weights nor code of it were ever released; what is unpublished is named below.

Axes: R rows of a U-Net call, S text positions, C width of the text features, L tokens and D width of the condition.

Source: ELLA, arXiv 2403.05135, section 4, and its authors' one statement: an attention pool makes the pooled embedding
(1 × 1280) that SDXL reads beside the tokens.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, ClassVar, Self

import torch
from diffusers import AutoencoderKL, DiffusionPipeline, SchedulerMixin, StableDiffusionXLPipeline, UNet2DConditionModel
from diffusers.image_processor import VaeImageProcessor
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ella_models.condition import distinct_rows
from ella_models.connector import EllaConnector
from ella_models.errors import EllaError
from ella_models.pipelines.parts import ella_parts
from ella_models.request import texts_of
from ella_models.text_encoder import TextEncoder, TextInput, check_width, text_encoder_of

Source = str | os.PathLike[str]
_NO_CLIP = dict.fromkeys(("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2"))


class EllaStableDiffusionXLPipeline(StableDiffusionXLPipeline):  # type: ignore[misc]
    """Text to image with SDXL, whose U-Net reads T5 features through a connector with an attention pool.

    Called as diffusers' `StableDiffusionXLPipeline`, with one prompt in place of two, at the fixed length; ready text
    features (N, S, C) go as `prompt_embeds` and `negative_prompt_embeds`. The time ids that ELLA was trained with are
    unpublished: they are `original_size`, `crops_coords_top_left` and `target_size`, with diffusers' defaults.

    Raises EllaError if connector, text encoder and U-Net don't fit together.
    """

    model_cpu_offload_seq = "text_encoder->connector->unet->vae"
    _optional_components: ClassVar[list[str]] = []

    def __init__(  # noqa: PLR0917 - diffusers reads the components off this signature, in this form
        self,
        vae: AutoencoderKL,
        text_encoder: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        connector: EllaConnector,
        unet: UNet2DConditionModel,
        scheduler: SchedulerMixin,
    ) -> None:
        DiffusionPipeline.__init__(self)
        _check_fit(text_encoder_of(tokenizer, text_encoder, connector.text_options), connector, unet)
        self.register_modules(
            vae=vae,
            text_encoder=text_encoder,
            tokenizer=tokenizer,
            connector=connector,
            unet=unet,
            scheduler=scheduler,
        )
        # what diffusers' loop asks for besides
        self.text_encoder_2 = self.tokenizer_2 = self.image_encoder = self.feature_extractor = self.watermark = None
        self.vae_scale_factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self.image_processor = VaeImageProcessor(vae_scale_factor=self.vae_scale_factor)
        self.default_sample_size = unet.config.sample_size

    @classmethod
    def from_pretrained(
        cls,
        base: Source,
        *,
        ella: Source | EllaConnector | None = None,
        text_encoder: Source | TextEncoder | None = None,
        dtype: torch.dtype = torch.float32,
        **kwargs: Any,
    ) -> Self:
        """Load an SDXL checkpoint together with a connector and a text encoder, or what `save_pretrained` wrote.

        `ella` and `text_encoder` as in the pipelines of Stable Diffusion 1.5, both for a plain checkpoint, neither for
        a saved ELLA pipeline. Further arguments go to diffusers.

        Raises EllaError if only one of the two is given, or a part is missing, broken or doesn't fit.
        """
        if ella is None and text_encoder is None:
            saved: Self = super().from_pretrained(base, dtype=dtype, **kwargs)
            return saved
        parts = ella_parts(ella, text_encoder, None, ella_revision=None, text_encoder_revision=None, precision=dtype)
        plain = StableDiffusionXLPipeline.from_pretrained(base, **{**_NO_CLIP, "dtype": dtype, **kwargs})
        return cls(vae=plain.vae, unet=plain.unet, scheduler=plain.scheduler, **parts)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Make images, as diffusers' pipeline does. Raises EllaError for a second prompt."""
        hook = self.unet.register_forward_pre_hook(self._before_call, with_kwargs=True)
        try:
            return super().__call__(*args, **kwargs)
        finally:
            hook.remove()

    @torch.no_grad()
    def encode_prompt(
        self,
        prompt: str | Sequence[str] | None,
        prompt_2: str | Sequence[str] | None = None,
        *,
        device: torch.device | str | None = None,
        num_images_per_prompt: int = 1,
        do_classifier_free_guidance: bool = True,
        negative_prompt: str | Sequence[str] | None = None,
        negative_prompt_2: str | Sequence[str] | None = None,
        prompt_embeds: Tensor | None = None,
        negative_prompt_embeds: Tensor | None = None,
        **_: Any,
    ) -> tuple[Tensor, Tensor | None, Tensor, Tensor | None]:
        """Text features (N, S, C) of prompts and negative prompts, each followed by a place (N, 1280) for the pooled.

        What is pooled depends on the timestep, so it is put in at every call of the U-Net.
        """
        if prompt_2 is not None or negative_prompt_2 is not None:
            raise EllaError("ELLA reads one prompt: leave prompt_2 and negative_prompt_2 out.")
        positive = self._features(texts_of("prompt", prompt), device) if prompt_embeds is None else prompt_embeds
        negative = negative_prompt_embeds
        if do_classifier_free_guidance and negative is None:
            negative = self._features(texts_of("negative_prompt", negative_prompt, count=len(positive)), device)
        rows = [self._rows(half, num_images_per_prompt) for half in (positive, negative)]
        places = [None if half is None else half.new_zeros(len(half), self.connector.sizes.pooled_dim) for half in rows]
        return rows[0], rows[1], places[0], places[1]  # type: ignore[return-value]

    def _features(self, texts: Sequence[str], device: torch.device | str | None) -> Tensor:
        encoder = text_encoder_of(self.tokenizer, self.text_encoder, self.connector.text_options)
        inputs = [TextInput(text, "fixed") for text in texts]
        return encoder.encode(inputs, device=device or self._execution_device).states

    def _rows(self, half: Tensor | None, images: int) -> Tensor | None:
        return None if half is None else half.to(self.unet.dtype).repeat_interleave(images, dim=0)

    def _before_call(
        self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        firsts, rows = distinct_rows(kwargs["encoder_hidden_states"])
        tokens = self.connector(kwargs["encoder_hidden_states"][firsts], torch.as_tensor(args[1]))
        pooled = self.connector.pooled(tokens)
        dtype = args[0].dtype
        added = {**kwargs["added_cond_kwargs"], "text_embeds": pooled[list(rows)].to(dtype)}
        return args, {**kwargs, "encoder_hidden_states": tokens[list(rows)].to(dtype), "added_cond_kwargs": added}


def _check_fit(encoder: TextEncoder, connector: EllaConnector, unet: UNet2DConditionModel) -> None:
    check_width(encoder.width, connector.sizes)
    if unet.config.addition_embed_type != "text_time":
        raise EllaError("The U-Net reads no pooled embedding, so it is none of SDXL's.")
    times = 6 * unet.config.addition_time_embed_dim
    pooled = unet.config.projection_class_embeddings_input_dim - times
    found, wanted = (connector.sizes.width, connector.sizes.pooled_dim), (unet.config.cross_attention_dim, pooled)
    if found != wanted:
        raise EllaError(
            f"The connector writes a condition of width {found[0]} and a pooled embedding of {found[1] or 'none'}, but "
            f"the U-Net reads {wanted[0]} and {wanted[1]}: SDXL needs a connector with a pool (pooled_dim)."
        )
