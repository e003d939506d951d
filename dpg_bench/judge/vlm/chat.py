"""An image and a question as the model's inputs, by its own chat template, and the part that all questions share.

Letters: L tokens of a whole prompt.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from dpg_bench.hub.remarks import quiet_libraries
from dpg_bench.judge.yes_no import asked

_CACHED = 8192  # questions: those of an item are asked about each of its images
_PROBES = ("Is it red?", "Are there two of them, one before the other?")


class Chat:
    """Prompts for one model. What stands before the question is the same for all questions about an image."""

    def __init__(self, processor: Any, *, system: str | None) -> None:
        self._processor = processor
        self._system = system
        template = str(processor.chat_template or processor.tokenizer.chat_template)
        # Models that may think first are to answer at once; others' templates have no such switch.
        self._switches = {"enable_thinking": False} if "enable_thinking" in template else {}
        self._probe = np.random.default_rng(0).integers(0, 256, (112, 112, 3), dtype=np.uint8)
        first, second = (self._tokens(self.inputs(self._probe, question)) for question in _PROBES)
        common = next(
            (n for n, (a, b) in enumerate(zip(first, second, strict=False)) if a != b), min(len(first), len(second))
        )
        self._before = first[:common]
        self.tail = lru_cache(_CACHED)(self._tail)

    @property
    def probe(self) -> tuple[NDArray[np.uint8], Sequence[str]]:
        """An image that means nothing and questions about it, to try the model with."""
        return self._probe, _PROBES

    def prompt(self) -> str:
        """The text of a prompt, with `{question}` in the question's place."""
        return str(
            self._processor.apply_chat_template(
                self._messages(None, "{question}"), add_generation_prompt=True, **self._switches
            )
        )

    def inputs(self, pixels: NDArray[np.uint8], question: str) -> dict[str, Tensor]:
        """The model's inputs for uint8 pixels (height, width, 3) and a question: token ids (1, L), pixel values, …"""
        with quiet_libraries():
            made = self._processor.apply_chat_template(
                self._messages(Image.fromarray(pixels), question),
                add_generation_prompt=True,
                tokenize=True,
                return_dict=True,
                return_tensors="pt",
                **self._switches,
            )
        return {name: value for name, value in made.items() if isinstance(value, Tensor)}

    def split(
        self, pixels: NDArray[np.uint8], questions: Sequence[str]
    ) -> tuple[dict[str, Tensor], list[list[int]]] | None:
        """The inputs for what all prompts begin with, the image included, and the tokens that each ends with.

        None if the prompts don't begin alike.
        """
        tails = [self.tail(question) for question in questions]
        whole = self.inputs(pixels, questions[0])
        tokens = self._tokens(whole)
        if any(tail is None for tail in tails) or not tails[0] or tokens[-len(tails[0]) :] != list(tails[0]):
            return None
        before = len(tokens) - len(tails[0])
        length = len(tokens)
        begin = {name: value[:, :before] if value.shape[:2] == (1, length) else value for name, value in whole.items()}
        return begin, [list(tail) for tail in tails if tail is not None]

    def _tail(self, question: str) -> tuple[int, ...] | None:
        """The tokens of a prompt from the first one that depends on the question; None if there is no saying."""
        tokens = self._tokens(self.inputs(self._probe, question))
        before = len(self._before)
        return tuple(tokens[before:]) if tokens[:before] == self._before and len(tokens) > before else None

    def _tokens(self, inputs: dict[str, Tensor]) -> list[int]:
        found: list[int] = inputs["input_ids"][0].tolist()
        return found

    def _messages(self, image: Image.Image | None, question: str) -> list[dict[str, Any]]:
        shown = {"type": "image"} if image is None else {"type": "image", "image": image}
        system = (
            [] if self._system is None else [{"role": "system", "content": [{"type": "text", "text": self._system}]}]
        )
        return [*system, {"role": "user", "content": [shown, {"type": "text", "text": asked(question)}]}]


def token_spellings(tokenizer: Any) -> dict[str, list[int]]:
    """The tokens that are `yes` and `no` as whole words, in any case and with or without a space before."""
    found: dict[str, list[int]] = {"yes": [], "no": []}
    for token, number in sorted(tokenizer.get_vocab().items(), key=lambda pair: pair[1]):
        word = token.lstrip("Ġ▁Ċ \n").casefold() if len(token) <= 6 else ""
        if word in found:
            found[word].append(number)
    return found


def as_tensor(tails: Sequence[Sequence[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Token ids padded on the right by their own last one, (questions, longest), and where each ends, (questions)."""
    longest = max(map(len, tails))
    ids = torch.tensor([[*tail, *[tail[-1]] * (longest - len(tail))] for tail in tails], device=device)
    return ids, torch.tensor([len(tail) - 1 for tail in tails], device=device)
