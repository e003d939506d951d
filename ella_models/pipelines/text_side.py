"""The text side of an ELLA pipeline: prompts → text features and, for ELLA + CLIP, CLIP's tokens.

Axes: N images, P prompts, S text positions, C width of the text features.

Source: ELLA's `model.py` and `inference.py` at 3c228f1.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from diffusers import DiffusionPipeline
from diffusers.utils import logging
from diffusers.utils.peft_utils import scale_lora_layers, unscale_lora_layers
from torch import Tensor, nn

from ella_models.clip_text import ClipTokens, clip_tokens
from ella_models.errors import EllaError
from ella_models.request import TextSettings, distinct_texts, texts_of
from ella_models.text_encoder import Length, TextEncoder, TextInput, text_encoder_of
from ella_models.text_encoder.base import PROMPT_PLACE

logger = logging.get_logger(__name__)

Texts = str | Sequence[str]


class EllaTexts(DiffusionPipeline):  # type: ignore[misc]
    """What a pipeline does with prompts; its components are `text_encoder`, `tokenizer`, and CLIP's if it has one."""

    _texts = TextSettings()

    def count_tokens(self, prompt: Texts) -> list[int]:
        """How many tokens of the text encoder each prompt has, with those that it adds itself.

        At the fixed length the first 128 are read, unless the connector was trained with another.
        """
        options = self._text_side().options
        begun = int(bool(options.begin_token))
        written = [options.template.replace(PROMPT_PLACE, text) for text in texts_of("prompt", prompt)]
        ids = [self.tokenizer(text, add_special_tokens=options.begin_token is None, verbose=False) for text in written]
        return [len(some.input_ids) + begun for some in ids]

    @torch.no_grad()
    def encode_prompt(  # noqa: PLR0917 - as diffusers' pipelines call it
        self,
        prompt: Texts | None,
        device: torch.device | str | None = None,
        num_images_per_prompt: int = 1,
        do_classifier_free_guidance: bool = True,
        negative_prompt: Texts | None = None,
        prompt_embeds: Tensor | None = None,
        negative_prompt_embeds: Tensor | None = None,
        lora_scale: float | None = None,
        clip_skip: int | None = None,  # noqa: ARG002 - CLIP's part is `encode_clip_prompt`
        *,
        length: Length | None = None,
        fixed_negative: bool | None = None,
    ) -> tuple[Tensor, Tensor | None]:
        """The features of prompts and negative prompts, (N, S, C) each, the latter `None` without guidance.

        Ready features are passed on. Rows of different lengths share a tensor as `EllaAdapter` says. `length` and
        `fixed_negative` are the running call's by default.

        Raises EllaError for something else than text, and numbers that don't match.
        """
        settings = TextSettings(
            length=self._texts.length if length is None else length,
            fixed_negative=self._texts.fixed_negative if fixed_negative is None else fixed_negative,
        )
        prompts = texts_of("prompt", prompt) if prompt_embeds is None else []
        count = len(prompts) if prompt_embeds is None else len(prompt_embeds)
        needed = do_classifier_free_guidance and negative_prompt_embeds is None
        negatives = texts_of("negative_prompt", negative_prompt, count=count) if needed else []
        device = device or self._execution_device
        texts = distinct_texts(prompts, negatives, settings)
        if texts.distinct:
            states = self._encode(texts.distinct, device, lora_scale)
            prompt_embeds = states[list(texts.positive)] if prompt_embeds is None else prompt_embeds
            negative_prompt_embeds = states[list(texts.negative)] if needed else negative_prompt_embeds
        halves = [prompt_embeds, negative_prompt_embeds] if do_classifier_free_guidance else [prompt_embeds]
        prompt_embeds, negative_prompt_embeds, *_ = *self._rows(halves, device, num_images_per_prompt), None
        return prompt_embeds, negative_prompt_embeds

    def encode_clip_prompt(
        self,
        prompt: Texts,
        device: torch.device | str | None = None,
        *,
        num_images_per_prompt: int = 1,
        do_classifier_free_guidance: bool = True,
        negative_prompt: Texts | None = None,
        lora_scale: float | None = None,
        clip_skip: int | None = None,
    ) -> ClipTokens:
        """CLIP's tokens for the rows of a U-Net call: N negative ones, if there is guidance, and N positive ones.

        Raises EllaError if the pipeline was loaded without CLIP, and as `clip_tokens` does.
        """
        encoder, tokenizer = self._clip_parts()
        prompts = texts_of("clip_prompt", prompt)
        negatives = texts_of("clip_negative_prompt", negative_prompt, count=len(prompts))
        with _lora_scaled(encoder, lora_scale):
            return clip_tokens(
                encoder,
                tokenizer,
                # a textual inversion may stand for several tokens
                self.maybe_convert_prompt(prompts, tokenizer),
                self.maybe_convert_prompt(negatives, tokenizer) if do_classifier_free_guidance else None,
                images=num_images_per_prompt,
                device=device or self._execution_device,
                clip_skip=clip_skip,
            )

    def _warn_of_clip_tokens(self, prompts: Sequence[str]) -> None:
        """Say it where a prompt names a textual inversion and CLIP, which alone knows it, doesn't read along."""
        added = {} if self.clip_tokenizer is None else self.clip_tokenizer.added_tokens_decoder
        learned = [token.content for token in added.values() if not token.special]
        for token in learned:
            if any(token in prompt for prompt in prompts):
                logger.warning(f"'{token}' was learned for CLIP, which does not read this prompt: draw with clip=True.")

    def _clip_parts(self) -> tuple[Any, Any]:
        if self.clip_text_encoder is None or self.clip_tokenizer is None:
            raise EllaError(
                "This pipeline has no CLIP: load it with clip=True, or give it clip_text_encoder and clip_tokenizer."
            )
        return self.clip_text_encoder, self.clip_tokenizer

    def _text_side(self) -> TextEncoder:
        if self.text_encoder is None:
            raise EllaError("This pipeline has no text encoder: give prompt_embeds and negative_prompt_embeds.")
        options = None if self.connector is None else self.connector.text_options
        return text_encoder_of(self.tokenizer, self.text_encoder, options)

    def _encode(self, texts: Sequence[TextInput], device: torch.device | str, lora_scale: float | None) -> Tensor:
        encoder = self._text_side()
        longest = encoder.options.tokens
        for text in texts:
            tokens = self.count_tokens(text.text)[0] if text.length == "fixed" else 0
            if tokens > longest:
                logger.warning(
                    f"A prompt of {tokens} tokens is cut to {longest}; the last {tokens - longest} are not read. "
                    f"length='flexible' reads all of it. The prompt: '{text.text[:60]}…'"
                )
        with _lora_scaled(self.text_encoder, lora_scale):
            features = encoder.encode(texts, device=device)
        return features.states if features.visible is None else features.states * features.visible[..., None]

    def _rows(self, halves: Sequence[Any], device: torch.device | str, images: int) -> list[Tensor]:
        """The features as the U-Net's rows."""
        dtype = halves[0].dtype if self.unet is None else self.unet.dtype
        return [half.to(device, dtype).repeat_interleave(images, dim=0) for half in evened(halves)]


def evened(features: Sequence[Tensor]) -> list[Tensor]:
    """Text features over as many positions as the longest of them, with zeros at the end."""
    positions = max((some.shape[1] for some in features), default=0)
    return [torch.nn.functional.pad(some, (0, 0, 0, positions - some.shape[1])) for some in features]


@contextmanager
def _lora_scaled(model: nn.Module, scale: float | None) -> Iterator[None]:
    if scale is None:
        yield
        return
    scale_lora_layers(model, scale)
    try:
        yield
    finally:
        unscale_lora_layers(model, scale)
