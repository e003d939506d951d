"""The batched search against a plain one that follows the description word by word, one question at a time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from dpg_bench.errors import DpgBenchError
from dpg_bench.judge.mplug.beam import BeamSearch, Hypothesis
from dpg_bench.judge.mplug.tokenizer import END, START

VOCABULARY = 106


def _logits(seed: int, tokens: Sequence[int]) -> Tensor:
    """What a model of this seed would say after these tokens: a few tokens are likely, the end among them."""
    number = hash((seed, *tokens)) % 2**31
    generator = torch.Generator().manual_seed(number)
    logits = torch.full((VOCABULARY,), -60.0)
    logits[START : VOCABULARY - 1] = 2 * torch.randn(VOCABULARY - 1 - START, generator=generator)
    return logits


class _Script:
    """A decoder for one seed per question; it checks that it is asked for what it has."""

    def __init__(self, seeds: Sequence[int]) -> None:
        self._beams = [[(seed, ())] for seed in seeds]

    def step(self, tokens: Tensor) -> Tensor:
        newest = iter(tokens.tolist())
        self._beams = [[(seed, (*said, next(newest))) for seed, said in beams] for beams in self._beams]
        return torch.stack([_logits(seed, said) for beams in self._beams for seed, said in beams])

    def select(self, questions: Sequence[int], beams: Tensor) -> None:
        chosen = zip(questions, beams.tolist(), strict=True)
        self._beams = [[self._beams[question][beam] for beam in kept] for question, kept in chosen]


def _plain_search(search: BeamSearch, seed: int) -> Hypothesis:
    beams = [((START,), 0.0)] + [((START,), -math.inf)] * (search.beam_size - 1)
    hypotheses: list[Hypothesis] = []
    for t in range(search.max_length):
        penalty = ((5 + t + 1) / 6) ** 0.6
        candidates = []
        for said, total in beams:
            log_probs = _logits(seed, said).log_softmax(0)
            if t < search.min_length:
                log_probs[END] = -1e20
            scores = ((log_probs + total) / penalty).tolist()
            candidates += [(score, (*said, token)) for token, score in enumerate(scores)]
        candidates.sort(key=lambda candidate: -candidate[0])
        top = candidates[: search.beam_size]
        beams = [(said, score * penalty) for score, said in top]
        finished = [said[-1] == END or t + 1 == search.max_length for _, said in top]
        joining = [True] * len(top) if finished[0] else finished
        hypotheses += [Hypothesis(said, score) for (score, said), joins in zip(top, joining, strict=True) if joins]
        if finished[0]:
            break
    return max(hypotheses, key=lambda hypothesis: hypothesis.score)


@settings(max_examples=60, deadline=None)
@given(
    seeds=st.lists(st.integers(0, 10**6), min_size=1, max_size=5),
    beam_size=st.integers(1, 5),
    min_length=st.integers(0, 3),
    max_length=st.integers(1, 6),
)
def test_the_batched_search_is_the_plain_one(
    seeds: list[int], beam_size: int, min_length: int, max_length: int
) -> None:
    search = BeamSearch(beam_size, min_length, max_length)
    found = search.run(_Script(seeds), len(seeds), torch.device("cpu"))
    for hypothesis, seed in zip(found, seeds, strict=True):
        expected = _plain_search(search, seed)
        assert hypothesis.tokens == expected.tokens
        assert hypothesis.score == pytest.approx(expected.score, abs=1e-5)


class _Overflowed:
    def step(self, tokens: Tensor) -> Tensor:
        return torch.full((len(tokens), VOCABULARY), math.nan)

    def select(self, questions: Sequence[int], beams: Tensor) -> None:
        pass


def test_an_overflow_is_an_error_and_no_answer() -> None:
    with pytest.raises(DpgBenchError, match=r"overflowed.*dtype='float32'"):
        BeamSearch(5, 1, 3).run(_Overflowed(), 2, torch.device("cpu"))
