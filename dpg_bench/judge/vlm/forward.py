"""The logits of the first token of an answer: prompt by prompt, or with the image's part computed once.

Letters: Q questions about one image, V vocabulary.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dpg_bench.halving import Halving
from dpg_bench.judge.vlm.chat import Chat, as_tensor

_MOST_QUESTIONS = 64  # a pass


class FirstTokens:
    """A model that is asked for the first token of each answer."""

    def __init__(self, model: Any, chat: Chat) -> None:
        self._model = model
        self._chat = chat
        self._halving = Halving(_MOST_QUESTIONS)

    def whole(self, pixels: NDArray[np.uint8], questions: Sequence[str]) -> Tensor:
        """uint8 pixels (height, width, 3) and questions → logits (Q, V) in float32, every prompt on its own."""
        found = [
            self._model(**self._placed(self._chat.inputs(pixels, question)), use_cache=False, logits_to_keep=1).logits
            for question in questions
        ]
        return torch.cat([logits[:, -1].float() for logits in found])

    def shared(self, pixels: NDArray[np.uint8], questions: Sequence[str]) -> Tensor | None:
        """The same with what the prompts begin with, the image included, computed once; None if they don't begin alike.

        The questions follow in one pass over its keys and values. They are padded on the right, so that no token sees
        the padding, and positions go on by themselves.
        """
        split = self._chat.split(pixels, questions)
        if split is None:
            return None
        begin, tails = split
        cache = self._model(**self._placed(begin), use_cache=True, logits_to_keep=1).past_key_values

        def ask(part: Sequence[list[int]]) -> list[Tensor]:
            own = copy.deepcopy(cache) if len(part) < len(tails) else cache
            own.batch_repeat_interleave(len(part))
            ids, ends = as_tensor(part, self._model.device)
            kept, places = torch.unique(ends, return_inverse=True)
            logits = self._model(input_ids=ids, past_key_values=own, use_cache=True, logits_to_keep=kept).logits
            return list(logits[torch.arange(len(part), device=logits.device), places].float())

        return torch.stack(self._halving.work(tails, ask))

    def agrees(self, tolerance: float, tokens: Sequence[int]) -> bool:
        """Whether both ways come to the same log-probabilities of `tokens`, tried on an image that means nothing."""
        pixels, questions = self._chat.probe
        shared = self.shared(pixels, questions)
        if shared is None:
            return False
        both = [logits.log_softmax(-1)[:, list(tokens)] for logits in (self.whole(pixels, questions), shared)]
        return bool(torch.isfinite(both[1]).all()) and float((both[0] - both[1]).abs().max()) <= tolerance

    def _placed(self, inputs: dict[str, Tensor]) -> dict[str, Tensor]:
        device, dtype = self._model.device, self._model.dtype
        return {name: value.to(device, dtype if value.is_floating_point() else None) for name, value in inputs.items()}
