"""The judge: preprocessed images and questions in, yes or no out."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dpg_bench.errors import BadInputError
from dpg_bench.halving import is_out_of_memory
from dpg_bench.hub.huggingface import Weights
from dpg_bench.judge.base import JudgeSettings, fingerprint_of
from dpg_bench.judge.resizing import Shrink
from dpg_bench.judge.vlm.chat import Chat, token_spellings
from dpg_bench.judge.vlm.forward import FirstTokens
from dpg_bench.judge.vlm.loading import load_vlm
from dpg_bench.judge.vlm.spec import VlmOptions
from dpg_bench.judge.yes_no import left_open, share_of_yes
from dpg_bench.records import Reply

CODE_VERSION = 1
"""Part of the fingerprint: goes up with every change of this package that can change an answer."""

_TOLERANCE = {"float32": 1e-3, "float16": 0.1, "bfloat16": 0.5}
"""By which log-probabilities may differ between the two ways to compute them; half precision rounds so coarsely."""

logger = logging.getLogger(__name__)


class VlmJudge:
    """A vision-language model. Implements `dpg_bench.judge.base.Judge`.

    Images go through it one at a time, each with all its questions, so that no reply depends on the others of a call.
    """

    def __init__(self, weights: Weights, settings: JudgeSettings[VlmOptions]) -> None:
        """Load the model and try it.

        Raises BadInputError if it can't be loaded, has no chat template, or has no token for yes or no.
        """
        options = settings.options
        loaded = load_vlm(weights, device=settings.device, dtype=settings.dtype)
        self._tokenizer = loaded.processor.tokenizer
        self._words = token_spellings(self._tokenizer)
        for word, tokens in self._words.items():
            if not tokens:
                raise BadInputError(f"{weights.source} can't be asked for a first token: it has none for '{word}'.")
        self.preprocess = Shrink(options.max_pixels)
        chat = _chat(loaded.processor, options.system, source=weights.source)
        self._first = FirstTokens(loaded.model, chat)
        self._shares = options.shared_prefill and self._can_share(settings.dtype)
        decisive = {
            "judge": "vlm",
            "code": CODE_VERSION,
            "dtype": settings.dtype,
            "sha256": weights.record()["sha256"],
            "prompt": chat.prompt(),
            "image_processor": type(loaded.processor.image_processor).__name__,
            "max_pixels": options.max_pixels,
            "shared_prefill": self._shares,
        }
        self.fingerprint = fingerprint_of(decisive)
        self.provenance = {
            "source": weights.source,
            "revision": weights.commit,
            "model": type(loaded.model).__name__,
            "system": options.system,
            "yes": self._tokenizer.convert_ids_to_tokens(self._words["yes"]),
            "no": self._tokenizer.convert_ids_to_tokens(self._words["no"]),
            **decisive,
        }

    def answer(self, pixels: Sequence[NDArray[np.uint8]], questions: Sequence[Sequence[str]]) -> list[list[Reply]]:
        """The replies to `questions[i]`, in order, about the preprocessed image `pixels[i]`.

        A reply is missing where the likeliest first token is neither yes nor no. Raises torch.OutOfMemoryError if an
        image with a single question doesn't fit.
        """
        with torch.inference_mode():
            return [
                [self._reply(logits) for logits in self._logits(image, texts)] if texts else []
                for image, texts in zip(pixels, questions, strict=True)
            ]

    def _logits(self, pixels: NDArray[np.uint8], questions: Sequence[str]) -> Tensor:
        shared = self._first.shared(pixels, questions) if self._shares else None
        return self._first.whole(pixels, questions) if shared is None else shared

    def _reply(self, logits: Tensor) -> Reply:
        log_probs = logits.log_softmax(-1)
        best = int(log_probs.argmax())
        text = next((word for word, tokens in self._words.items() if best in tokens), None)
        if text is None:
            return Reply("", missing=left_open(str(self._tokenizer.decode([best]))))
        log_yes, log_no = (float(log_probs[tokens].logsumexp(0)) for tokens in self._words.values())
        return Reply(text, p_yes=share_of_yes(log_yes, log_no), log_prob=float(log_probs[best]))

    def _can_share(self, dtype: str) -> bool:
        """Whether the image's part can be computed once: tried, since models differ in how they go on from it."""
        tokens = [token for spellings in self._words.values() for token in spellings]
        try:
            with torch.inference_mode():
                fits = self._first.agrees(_TOLERANCE[dtype], tokens)
            why = "the answers would differ"
        except Exception as error:  # whatever a model raises, it can still be asked prompt by prompt
            if is_out_of_memory(error):
                raise
            fits, why = False, f"{type(error).__name__}: {' '.join(str(error).split()):.200}"
        if not fits:
            logger.warning("The image's part of a prompt can't be computed once for all questions (%s): slower.", why)
        return fits


def _chat(processor: Any, system: str | None, *, source: str) -> Chat:
    try:
        return Chat(processor, system=system)
    except Exception as error:  # a chat template is a program, and raises what it likes
        also = " and a system message" if system is not None else ""
        raise BadInputError(
            f"{source} can't be asked: its chat template takes no image with a text{also} "
            f"({type(error).__name__}: {' '.join(str(error).split()):.200})."
        ) from error
