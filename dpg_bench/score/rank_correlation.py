"""Rank correlations with intervals: Spearman's rho and Kendall's tau-b, resampled by groups of values.

The values of one prompt (its images, from several models) hang together, so prompts are drawn, each with all of its
values, as everywhere in `dpg_bench.score.stats`. A resample is never laid out: ranks, and the numbers of concordant
pairs, follow from how often each prompt was drawn, so that ten thousand resamples take a fraction of a second. The
values are those of `scipy.stats.spearmanr` and `kendalltau` on the laid-out resample; ties get their mean rank.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from dpg_bench.score.stats import CONFIDENCE, RESAMPLES, Array, Interval, draw_counts, interval_of

Groups = npt.NDArray[np.intp]
_CELLS = 100_000  # of a dense table of prompts and pairs of values; above, values are gathered one by one
_BLOCK = 2_000_000  # pairs of values at a time


@dataclass(frozen=True, slots=True)
class Correlation:
    """A correlation, -1 to 1, NaN where a side has one value alone; `interval` None where nothing can be said."""

    value: float
    interval: Interval | None


@dataclass(frozen=True, slots=True)
class Resampled:
    """A statistic over all prompts, over each resample of them, and over all prompts but each one."""

    value: float
    drawn: Array
    without_one: Array

    def correlation(self, confidence: float = CONFIDENCE) -> Correlation:
        """The value with its interval."""
        found = interval_of(self.drawn, value=self.value, without_one=self.without_one, confidence=confidence)
        return Correlation(self.value, found if len(self.without_one) > 1 else None)


def combined(parts: Sequence[Resampled], combine: Callable[[Array], Array]) -> Resampled:
    """What `combine` makes of several statistics of the same resamples; it is given them along its first axis."""
    return Resampled(
        float(combine(np.array([part.value for part in parts]))),
        combine(np.stack([part.drawn for part in parts])),
        combine(np.stack([part.without_one for part in parts])),
    )


def spearman(
    first: Array, second: Array, groups: Groups, *, count: int, seed: int, resamples: int = RESAMPLES
) -> Resampled:
    """Spearman's rho of two columns of values; `groups` says to which of `count` prompts each pair belongs."""
    statistic = _spearman(first, second, groups, count)
    return _resampled(statistic, statistic(1 - np.eye(count)), seed, resamples)


def kendall(
    first: Array, second: Array, groups: Groups, *, count: int, seed: int, resamples: int = RESAMPLES
) -> Resampled:
    """Kendall's tau-b of two columns of values; `groups` says to which of `count` prompts each pair belongs."""
    forms = _concordance(first, second, groups, count)

    def statistic(weights: Array) -> Array:
        together, *untied = (((weights @ form) * weights).sum(axis=1) for form in forms)
        return _ratio(together, untied[0] * untied[1])

    # Without one group each form loses its row and its column.
    together, *untied = (form.sum() - form.sum(axis=0) - form.sum(axis=1) + np.diag(form) for form in forms)
    return _resampled(statistic, _ratio(together, untied[0] * untied[1]), seed, resamples)


def rank_rows(rows: Array) -> Array:
    """The ranks within each row, from 0, ties with their mean rank."""
    below = (rows[:, None, :] < rows[:, :, None]).sum(axis=2)
    same = (rows[:, None, :] == rows[:, :, None]).sum(axis=2)
    return np.asarray(below + (same - 1) / 2)


def row_spearman(first: Array, second: Array) -> Array:
    """Spearman's rho of each row of `first` with that of `second`; NaN where a row has one value alone."""
    return _pearson(rank_rows(first), rank_rows(second))


def row_kendall(first: Array, second: Array) -> Array:
    """Kendall's tau-b of each row of `first` with that of `second`; NaN where a row has one value alone."""
    one = np.sign(first[:, None, :] - first[:, :, None]).reshape(len(first), -1)
    other = np.sign(second[:, None, :] - second[:, :, None]).reshape(len(second), -1)
    return _ratio((one * other).sum(axis=1), (one**2).sum(axis=1) * (other**2).sum(axis=1))


@lru_cache(maxsize=2)  # the same prompts are drawn for every statistic of a table
def _drawn(count: int, resamples: int, seed: int) -> tuple[Array, ...]:
    return tuple(draw_counts(count, resamples, np.random.default_rng(seed)))


def _resampled(statistic: Callable[[Array], Array], without_one: Array, seed: int, resamples: int) -> Resampled:
    count = len(without_one)
    drawn = [statistic(weights) for weights in _drawn(count, resamples, seed)]
    whole = statistic(np.ones((1, count)))
    return Resampled(float(whole[0]), np.concatenate(drawn), without_one)


def _spearman(first: Array, second: Array, groups: Groups, count: int) -> Callable[[Array], Array]:
    """Spearman's rho as a function of how often each group was drawn, [resamples, groups] → [resamples]."""
    sides = [_side(values, groups, count) for values in (first, second)]
    pairs, inverse = np.unique(np.stack([values for values, _ in sides]), axis=1, return_inverse=True)
    dense: Array | None = None
    if pairs.shape[1] * count <= _CELLS:
        dense = np.zeros((count, pairs.shape[1]))
        np.add.at(dense, (groups, inverse.ravel()), 1)

    def statistic(weights: Array) -> Array:
        if dense is not None:
            drawn, (one, other) = weights @ dense, pairs
        else:
            drawn, (one, other) = weights[:, groups], np.stack([values for values, _ in sides])
        scatter = []
        centred = []
        for _, table in sides:
            counts = weights @ table
            ranks = np.cumsum(counts, axis=1) - counts + (counts + 1) / 2
            ranks -= (counts.sum(axis=1, keepdims=True) + 1) / 2
            centred.append(ranks)
            scatter.append((counts * ranks**2).sum(axis=1))
        together = np.einsum("rc,rc,rc->r", drawn, centred[0][:, one], centred[1][:, other])
        return _ratio(together, scatter[0] * scatter[1])

    return statistic


def _side(values: Array, groups: Groups, count: int) -> tuple[npt.NDArray[np.intp], Array]:
    """The place of each value among the distinct ones, and how often each group has each of these."""
    distinct, places = np.unique(values, return_inverse=True)
    table = np.zeros((count, len(distinct)))
    np.add.at(table, (groups, places), 1)
    return places, table


def _concordance(first: Array, second: Array, groups: Groups, count: int) -> Array:
    """What Kendall's tau-b is made of, as quadratic forms of how often each group was drawn, [3, groups, groups].

    Concordant minus discordant pairs of values, and the pairs that are not tied on either side.
    """
    order = np.argsort(groups, kind="stable")
    one, other, sorted_groups = first[order], second[order], groups[order]
    present, starts = np.unique(sorted_groups, return_index=True)
    forms = np.zeros((3, count, count))
    step = max(1, _BLOCK // max(1, len(one)))
    for start in range(0, len(one), step):
        rows = slice(start, start + step)
        signs = [np.sign(side[rows, None] - side[None, :]) for side in (one, other)]
        for place, product in enumerate((signs[0] * signs[1], signs[0] ** 2, signs[1] ** 2)):
            sums = np.zeros((len(product), count))
            sums[:, present] = np.add.reduceat(product, starts, axis=1)
            np.add.at(forms[place], sorted_groups[rows], sums)

    return forms


def _pearson(first: Array, second: Array) -> Array:
    first = first - first.mean(axis=1, keepdims=True)
    second = second - second.mean(axis=1, keepdims=True)
    return _ratio((first * second).sum(axis=1), (first**2).sum(axis=1) * (second**2).sum(axis=1))


def _ratio(together: Array, squares: Array) -> Array:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.asarray(np.clip(together / np.sqrt(np.where(squares > 1e-12, squares, math.nan)), -1, 1))
