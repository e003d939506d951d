"""The beam search that makes an answer, for many questions at once. Each question's search is its own.

Letters: S questions, W beams of each (1 at the first step), B beam size, L tokens so far, V vocabulary.
Source: modelscope 1.40.2, `models/multi_modal/mplug/predictor.py`, as section 3 of the reference states it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from dpg_bench.errors import DpgBenchError, option
from dpg_bench.judge.mplug.tokenizer import END, START

_FORBIDDEN = -1e20


class Steps(Protocol):
    """A decoder at work on a batch of questions."""

    def step(self, tokens: Tensor) -> Tensor:
        """The newest token (S · W) of every beam → the next token's logits (S · W, V)."""
        ...

    def select(self, questions: Sequence[int], beams: Tensor) -> None:
        """Go on with these questions alone, and of each with `beams` (len(questions), B)."""
        ...


@dataclass(frozen=True, slots=True)
class Hypothesis:
    """A finished answer: its token ids, `[CLS]` first, and its log-probability over the length penalty.

    `preference` is the probability of one first token against another, 0 to 1, where two were named.
    """

    tokens: tuple[int, ...]
    score: float
    preference: float | None = None


@dataclass(frozen=True, slots=True)
class BeamSearch:
    """The settings of the search; lengths count the tokens behind `[CLS]`."""

    beam_size: int
    min_length: int
    max_length: int

    def run(
        self, steps: Steps, questions: int, device: torch.device, *, preference: tuple[int, int] | None = None
    ) -> list[Hypothesis]:
        """The best hypothesis of each question, with P(first) / (P(first) + P(second)) of the tokens in `preference`.

        Raises DpgBenchError if the model gives no finite probabilities.
        """
        best = _Best(questions, self.max_length + 1, device)
        alive = torch.arange(questions, device=device)
        tokens = torch.full((questions, 1, 1), START, device=device)
        total = torch.zeros(questions, 1, device=device)
        for t in range(self.max_length):
            log_probs = steps.step(tokens[..., -1].flatten()).float().log_softmax(-1)
            if t == 0 and preference is not None:
                best.preferences = (log_probs[:, preference[0]] - log_probs[:, preference[1]]).sigmoid()
            if t < self.min_length:
                log_probs[:, END] = _FORBIDDEN
            penalty = ((5 + t + 1) / 6) ** 0.6
            candidates = (log_probs.reshape(*total.shape, -1) + total[..., None]) / penalty
            scores, chosen = candidates.flatten(1).topk(self.beam_size)
            beams, newest = chosen // log_probs.shape[-1], chosen % log_probs.shape[-1]
            total = scores * penalty
            tokens = torch.cat([tokens.take_along_dim(beams[..., None], dim=1), newest[..., None]], dim=-1)

            finished = (newest == END) | (t + 1 == self.max_length)
            over = finished[:, 0]
            best.offer(alive, tokens, scores, finished | over[:, None])
            remaining = (~over).nonzero().flatten().tolist()
            if not remaining:
                break
            alive, tokens, total = alive[remaining], tokens[remaining], total[remaining]
            steps.select(remaining, beams[remaining])
        return best.hypotheses()


class _Best:
    """The best hypothesis so far of each question."""

    def __init__(self, questions: int, longest: int, device: torch.device) -> None:
        self._scores = torch.full((questions,), float("-inf"), device=device)
        self._lengths = torch.zeros(questions, dtype=torch.long, device=device)
        self._tokens = torch.zeros(questions, longest, dtype=torch.long, device=device)
        self.preferences: Tensor | None = None

    def offer(self, questions: Tensor, tokens: Tensor, scores: Tensor, joins: Tensor) -> None:
        """Beams (S, B, L) with scores (S, B), best first; those that `joins` (S, B) marks are hypotheses."""
        first = joins.int().argmax(1, keepdim=True)
        score = scores.masked_fill(~joins, float("-inf")).take_along_dim(first, dim=1).flatten()
        better = score > self._scores[questions]
        improved, length = questions[better], tokens.shape[-1]
        self._scores[improved] = score[better]
        self._lengths[improved] = length
        self._tokens[improved, :length] = tokens.take_along_dim(first[..., None], dim=1)[:, 0][better]

    def hypotheses(self) -> list[Hypothesis]:
        scores, lengths, tokens = self._scores.tolist(), self._lengths.tolist(), self._tokens.tolist()
        if not self._scores.isfinite().all():
            raise DpgBenchError(
                "The judge's arithmetic overflowed: an answer has no finite probability. Use "
                f"{option('dtype', 'float32')}, or tf32x3 on an NVIDIA GPU."
            )
        preferences = [None] * len(tokens) if self.preferences is None else self.preferences.tolist()
        return [
            Hypothesis(tuple(ids[:length]), score, preference)
            for ids, length, score, preference in zip(tokens, lengths, scores, preferences, strict=True)
        ]
