"""The numbers behind the charts: how scores are spread, and how they depend on a prompt's length and depth.

All scores are percentages, intervals are bootstrapped over prompts (`dpg_bench.score.stats`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from dpg_bench.records import Prompt
from dpg_bench.report.page.question_graph import COUNTS, GATED_YES, MISSING, answer_states, depths
from dpg_bench.report.page.shown_runs import ShownRun, ShownRuns
from dpg_bench.report.runs import Protocol
from dpg_bench.score.scorecard import StatisticsCard
from dpg_bench.score.stats import Interval, ratio_intervals

HISTOGRAM_BINS = 20
_LENGTH_BINS = 5
_DEEPEST = 4  # deeper questions are too few for a point of their own
_FEWEST_PROMPTS = 5  # below this an interval says nothing
_DECIMALS = 6  # means of images that are equal differ in their last bits


@dataclass(frozen=True, slots=True)
class Estimate:
    """A score over some prompts, with its interval where there are enough of them."""

    score: float
    interval: Interval | None
    prompts: int


@dataclass(frozen=True, slots=True)
class DepthEstimate:
    """Questions of one depth: the share that counts, and the share answered yes whatever their ancestors."""

    label: str
    counts: Estimate
    yes: Estimate
    questions: int


@dataclass(frozen=True, slots=True)
class Spread:
    """How the scores of single prompts are spread; `bins` are their numbers in steps of 5, 100 in the last."""

    bins: tuple[int, ...]
    median: float
    perfect: int
    zero: int
    prompts: int


@dataclass(frozen=True, slots=True)
class PromptPair:
    """What prompts scored in two runs, 0 to 100."""

    first: float
    second: float
    item_ids: tuple[str, ...]


def spread(run: ShownRun, protocol: Protocol) -> Spread | None:
    """The distribution of per-prompt scores; None if no item is scored."""
    scores = np.round(run.judged.items(protocol).scores, _DECIMALS)
    if not scores.size:
        return None
    bins, _ = np.histogram(scores, bins=HISTOGRAM_BINS, range=(0, 100))
    return Spread(
        bins=tuple(int(count) for count in bins),
        median=float(np.median(scores)),
        perfect=int((scores == 100).sum()),
        zero=int((scores == 0).sum()),
        prompts=len(scores),
    )


def length_bins(shown: ShownRuns) -> tuple[tuple[int, int], ...]:
    """Ranges of prompt length in words, both ends included, with about equally many of the prompts in each."""
    words = sorted(_words(prompt) for prompt in shown.prompts)
    bins = min(_LENGTH_BINS, max(1, len(words) // _FEWEST_PROMPTS))
    ends = sorted({words[-(-len(words) * place // bins) - 1] for place in range(1, bins + 1)})
    starts = [words[0], *(end + 1 for end in ends[:-1])]
    return tuple(zip(starts, ends, strict=True))


def scores_by_length(
    shown: ShownRuns, run: ShownRun, protocol: Protocol, bins: Sequence[tuple[int, int]]
) -> list[Estimate | None]:
    """The mean score of the prompts in each range of length; None where none is scored."""
    scored = run.judged.items(protocol)
    lengths = np.array([_words(shown.suite.by_id[item_id]) for item_id in scored.item_ids])
    members = np.column_stack([(low <= lengths) & (lengths <= high) for low, high in bins]).astype(np.float64)
    return _estimates(scored.scores[:, None] * members, members, _statistics(run))


def scores_by_depth(shown: ShownRuns, run: ShownRun) -> list[DepthEstimate]:
    """Questions by the number of questions above them, over the items that the corrected protocol scores."""
    prompts = [shown.suite.by_id[item_id] for item_id in run.judged.items("corrected").item_ids]
    tallies = np.array([_depth_tallies(run, prompt) for prompt in prompts], dtype=np.float64)
    if not len(tallies):
        return []
    asked, counted, yes = tallies[:, 0], tallies[:, 1], tallies[:, 2]
    statistics = _statistics(run)
    rows = zip(
        _estimates(100 * counted, asked, statistics), _estimates(100 * yes, asked, statistics), asked.T, strict=True
    )
    return [
        DepthEstimate(
            label=f"{depth} or more" if depth == _DEEPEST else str(depth),
            counts=counts,
            yes=raw,
            questions=round(float(total.sum()) / run.images_per_prompt),
        )
        for depth, (counts, raw, total) in enumerate(rows)
        if counts is not None and raw is not None
    ]


def prompt_pairs(first: ShownRun, second: ShownRun, protocol: Protocol) -> list[PromptPair]:
    """The scores of the prompts that both runs have scored, those with the same two scores together."""
    one, other = first.judged.items(protocol), second.judged.items(protocol)
    scores = dict(zip(other.item_ids, other.scores, strict=True))
    places: dict[tuple[float, float], list[str]] = {}
    for item_id, score in zip(one.item_ids, one.scores, strict=True):
        if item_id in scores:
            place = round(float(score), _DECIMALS), round(float(scores[item_id]), _DECIMALS)
            places.setdefault(place, []).append(item_id)
    return [PromptPair(before, after, tuple(item_ids)) for (before, after), item_ids in places.items()]


def _words(prompt: Prompt) -> int:
    return len(prompt.text.split())


def _statistics(run: ShownRun) -> StatisticsCard:
    return run.judged.card.statistics or StatisticsCard()


def _depth_tallies(run: ShownRun, prompt: Prompt) -> list[list[int]]:
    """For each depth: how many answers there are, how many count, how many are yes; [3, depths]."""
    depth = depths(prompt)
    rows = [min(depth[question.proposition_id], _DEEPEST) for question in prompt.questions]
    states = answer_states(prompt, run.answers_about(prompt.item_id))
    tallies = [[0] * (_DEEPEST + 1) for _ in range(3)]
    for place, state in enumerate(states):
        row = rows[place % len(rows)]
        tallies[0][row] += state != MISSING
        tallies[1][row] += state == COUNTS
        tallies[2][row] += state in (COUNTS, GATED_YES)
    return tallies


def _estimates(
    numerators: npt.NDArray[np.float64], denominators: npt.NDArray[np.float64], statistics: StatisticsCard
) -> list[Estimate | None]:
    intervals = ratio_intervals(
        numerators,
        denominators,
        seed=statistics.seed,
        confidence=statistics.confidence,
        resamples=statistics.resamples,
    )
    totals = denominators.sum(axis=0)
    prompts = np.count_nonzero(denominators, axis=0)
    return [
        Estimate(
            score=float(numerators[:, column].sum() / totals[column]),
            interval=interval if prompts[column] >= _FEWEST_PROMPTS else None,
            prompts=int(prompts[column]),
        )
        if totals[column]
        else None
        for column, interval in enumerate(intervals)
    ]
