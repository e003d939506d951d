"""How two raters who say yes or no agree: raw agreement and Cohen's kappa, with intervals over prompts.

J. Cohen, "A coefficient of agreement for nominal scales", Educational and Psychological Measurement 20 (1960): kappa
is (p_o - p_e) / (1 - p_e), with the share p_o of answers that agree and the share p_e that would by chance, were
each rater to keep the own share of yes. So two that say yes nine times in ten agree on 82 % of what they answer
without looking, and their kappa is 0.

Arrays: `[..., 4]` are counts of answers in the order of `Counts`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import astuple, dataclass

import numpy as np

from dpg_bench.score.stats import CONFIDENCE, RESAMPLES, Array, Interval, draw_counts, interval_of


@dataclass(frozen=True, slots=True)
class Counts:
    """The answers of two raters to the same questions: both yes, yes by one alone, both no."""

    both: int
    only_first: int
    only_second: int
    neither: int

    @property
    def answers(self) -> int:
        """How many questions both answered."""
        return self.both + self.only_first + self.only_second + self.neither

    @property
    def first_yes(self) -> float:
        """The share to which the first says yes, 0 to 1; NaN over no answers."""
        return (self.both + self.only_first) / self.answers if self.answers else math.nan

    @property
    def second_yes(self) -> float:
        """The share to which the second says yes, 0 to 1; NaN over no answers."""
        return (self.both + self.only_second) / self.answers if self.answers else math.nan

    @property
    def agreement(self) -> float:
        """The share on which they agree, 0 to 1; NaN over no answers."""
        return float(raw_agreement(np.array(astuple(self), dtype=np.float64)))

    @property
    def kappa(self) -> float:
        """Cohen's kappa, -1 to 1; NaN where both say the same to everything, so that chance explains all."""
        return float(cohens_kappa(np.array(astuple(self), dtype=np.float64)))


@dataclass(frozen=True, slots=True)
class AgreementIntervals:
    """The intervals of raw agreement and of kappa; None over fewer than two prompts, or where there is no value."""

    agreement: Interval | None
    kappa: Interval | None


def raw_agreement(counts: Array) -> Array:
    """Counts [..., 4] → the share of answers that agree, 0 to 1; NaN over no answers."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray((counts[..., 0] + counts[..., 3]) / counts.sum(axis=-1))


def cohens_kappa(counts: Array) -> Array:
    """Counts [..., 4] → Cohen's kappa, -1 to 1; NaN where the agreement by chance is whole, and over no answers."""
    total = counts.sum(axis=-1)
    with np.errstate(divide="ignore", invalid="ignore"):
        first = (counts[..., 0] + counts[..., 1]) / total
        second = (counts[..., 0] + counts[..., 2]) / total
        by_chance = first * second + (1 - first) * (1 - second)
        return np.asarray((raw_agreement(counts) - by_chance) / np.where(by_chance < 1, 1 - by_chance, np.nan))


def agreement_intervals(
    counts: Array, *, seed: int, confidence: float = CONFIDENCE, resamples: int = RESAMPLES
) -> Sequence[AgreementIntervals]:
    """Counts by prompt and category, [prompts, categories, 4] → the intervals of every category.

    Prompts are drawn, each with all of its answers, as `dpg_bench.score.stats` does. The same seed gives the same
    intervals.
    """
    prompts, categories, _ = counts.shape
    if prompts < 2:
        return [AgreementIntervals(None, None)] * categories
    flat = counts.reshape(prompts, -1)
    drawn = np.concatenate([w @ flat for w in draw_counts(prompts, resamples, np.random.default_rng(seed))])
    resampled = drawn.reshape(-1, categories, 4)
    whole = counts.sum(axis=0)
    without_one = whole - counts
    found = []
    for place in range(categories):
        if np.count_nonzero(counts[:, place].sum(axis=-1)) < 2:
            found.append(AgreementIntervals(None, None))
            continue
        both = [
            interval_of(
                statistic(resampled[:, place]),
                value=float(statistic(whole[place])),
                without_one=statistic(without_one[:, place]),
                confidence=confidence,
            )
            for statistic in (raw_agreement, cohens_kappa)
        ]
        found.append(AgreementIntervals(*both))
    return found
