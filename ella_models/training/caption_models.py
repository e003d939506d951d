"""Captions from a vision-language model on this machine: any `image-text-to-text` model that transformers loads."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import torch
from PIL import Image
from transformers import AutoModelForImageTextToText, AutoProcessor

from ella_models.errors import EllaError
from ella_models.text_encoder.strangers import NO_CODE, read_config
from ella_models.training.captioning import PROMPT, Said


class LocalCaptioner:
    """A model in this process; images go through it in batches, greedily.

    Raises EllaError if it can't be loaded, or is no chat model.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        prompt: str = PROMPT,
        max_tokens: int = 160,
        device: str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        self._name, self._prompt, self._max_tokens = os.fspath(model), prompt, max_tokens
        self._device = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
        self._dtype = dtype or (torch.bfloat16 if self._device.type == "cuda" else torch.float32)
        try:
            processor_class: Any = AutoProcessor
            self._processor: Any = processor_class.from_pretrained(self._name, **NO_CODE)
            read_config(self._name)
            loaded: Any = AutoModelForImageTextToText.from_pretrained(self._name, dtype=self._dtype, **NO_CODE)
        except (OSError, ValueError, KeyError) as error:
            raise EllaError(f"The model '{model}' could not be loaded: {error}") from error
        if getattr(self._processor, "chat_template", None) is None:
            raise EllaError(f"The model '{model}' has no chat template, so it can't be asked.")
        self._model: Any = loaded.eval().to(self._device)
        # what is generated must follow the prompt at once, in every row
        self._processor.tokenizer.padding_side = "left"

    def settings(self) -> dict[str, object]:
        """As `Captioner` says."""
        return {
            "model": self._name,
            "prompt": self._prompt,
            "max_tokens": self._max_tokens,
            "dtype": str(self._dtype).removeprefix("torch."),
        }

    def describe(self, images: Sequence[Image.Image]) -> list[Said]:
        """As `Captioner` says; where memory runs out, in halves."""
        try:
            return self._describe(images)
        except torch.OutOfMemoryError:
            torch.cuda.empty_cache()
            if len(images) == 1:
                return [Said(error="out of memory; take a smaller model or smaller images (--max-side)")]
        half = len(images) // 2
        return [*self.describe(images[:half]), *self.describe(images[half:])]

    @torch.no_grad()
    def _describe(self, images: Sequence[Image.Image]) -> list[Said]:
        content = [{"type": "image"}, {"type": "text", "text": self._prompt}]
        asked = self._processor.apply_chat_template([{"role": "user", "content": content}], add_generation_prompt=True)
        inputs = self._processor(
            images=[[image] for image in images], text=[asked] * len(images), padding=True, return_tensors="pt"
        ).to(self._device, self._dtype)
        generated = self._model.generate(**inputs, max_new_tokens=self._max_tokens, do_sample=False)
        ends = self._ends()
        said = []
        for tokens in generated[:, inputs["input_ids"].shape[1] :].tolist():
            text = self._processor.tokenizer.decode(tokens, skip_special_tokens=True).strip()
            if len(tokens) >= self._max_tokens and not ends & set(tokens):
                said.append(Said(error=f"the caption was cut at {self._max_tokens} tokens (--max-tokens)"))
            else:
                said.append(Said(caption=text) if text else Said(error="the model said nothing"))
        return said

    def _ends(self) -> set[int]:
        ends = self._model.generation_config.eos_token_id
        return set(ends) if isinstance(ends, list) else {ends}
