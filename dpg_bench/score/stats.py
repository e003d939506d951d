"""How certain a score is: bootstrap intervals over prompts, paired comparison, and the noise of the seeds.

Prompts are the unit that is drawn: the questions and images of one prompt hang together, prompts don't. Every
score is a ratio of sums over prompts, Σ numerator / Σ denominator: the overall score with all denominators one, a
category with its yes answers over its answers. So one set of resampled prompts, as a matrix of how often each was
drawn, gives all scores of a scorecard in one product; `scipy.stats.bootstrap`, which draws anew for every score,
gives the same intervals in some twenty-five times the time.

Intervals: bias-corrected and accelerated bootstrap (BCa), B. Efron, "Better bootstrap confidence intervals",
Journal of the American Statistical Association 82 (1987). Arrays: `[prompts, scores]`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

Array: TypeAlias = npt.NDArray[np.float64]
Method = Literal["bca", "percentile", "no spread"]

CONFIDENCE = 0.95
RESAMPLES = 9_999
POWER = 0.8

_NORMAL = NormalDist()
_BATCH = 512  # resamples at a time: what is held stays at a few megabytes, whatever their number
_DECIMALS = 10  # sums in another order differ in the last bits; equal resamples must stay equal


@dataclass(frozen=True, slots=True)
class Interval:
    """A two-sided confidence interval.

    `method` is how it was found: `percentile` where BCa can't be computed, `no spread` where every resample gives the
    same value, so that `low` and `high` are that value and say nothing about the next prompt.
    """

    low: float
    high: float
    method: Method

    @property
    def excludes_zero(self) -> bool:
        """Whether zero lies outside; never where there is no spread, which says nothing about other prompts."""
        return self.method != "no spread" and not self.low <= 0 <= self.high


@dataclass(frozen=True, slots=True)
class PairedDifference:
    """The difference of two scores over the same prompts, second minus first.

    `interval` is None over fewer than two prompts. `p_value` is two-sided, of a paired permutation test. `clear` says
    whether both tell the difference from zero at the same confidence: the bootstrap alone is too sure of itself over
    few prompts. `standard_error` is the difference's; `detectable` the smallest true difference that such a comparison
    would find four times in five.
    """

    value: float
    interval: Interval | None
    p_value: float
    standard_error: float
    detectable: float
    prompts: int
    clear: bool


def ratio_intervals(
    numerators: Array,
    denominators: Array,
    *,
    seed: int,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> list[Interval | None]:
    """Intervals for Σ numerator / Σ denominator over prompts, one per column; both arrays are [prompts, scores].

    None where fewer than two prompts have a denominator: one prompt says nothing about others. Resamples without
    any denominator are left out. The same seed gives the same intervals.
    """
    prompts, scores = numerators.shape
    if prompts < 2:
        return [None] * scores
    sums = np.empty((resamples, 2 * scores))
    both = np.hstack([numerators, denominators])
    done = 0
    for counts in draw_counts(prompts, resamples, np.random.default_rng(seed)):
        sums[done : done + len(counts)] = counts @ both
        done += len(counts)
    return [
        _interval(sums[:, j], sums[:, scores + j], numerators[:, j], denominators[:, j], confidence)
        for j in range(scores)
    ]


def paired_differences(
    differences: Array,
    denominators: Array,
    *,
    seed: int,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
) -> list[PairedDifference]:
    """Compare two runs over the same prompts: Σ difference / Σ denominator, one per column of [prompts, scores].

    A column needs at least one prompt with a denominator. The same seed gives the same result.
    """
    intervals = ratio_intervals(differences, denominators, seed=seed, confidence=confidence, resamples=resamples)
    p_values = sign_flip_p_values(differences, seed=seed, resamples=resamples)
    errors = standard_errors(differences, denominators)
    values = differences.sum(axis=0) / denominators.sum(axis=0)
    return [
        PairedDifference(
            value=float(values[j]),
            interval=intervals[j],
            p_value=float(p_values[j]),
            standard_error=float(errors[j]),
            detectable=detectable_difference(float(errors[j]), confidence=confidence),
            prompts=int(np.count_nonzero(denominators[:, j])),
            clear=is_clear(intervals[j], float(p_values[j]), confidence=confidence),
        )
        for j in range(differences.shape[1])
    ]


def is_clear(interval: Interval | None, p_value: float, *, confidence: float = CONFIDENCE) -> bool:
    """Whether an interval of a paired difference and its permutation test both tell it from zero."""
    return interval is not None and interval.excludes_zero and is_significant(p_value, confidence=confidence)


def is_significant(p_value: float, *, confidence: float) -> bool:
    """Whether a p-value is no more than 1 - `confidence`."""
    return p_value <= 1 - confidence + 1e-12  # in a machine's arithmetic 1 - 0.9 is a little less than 0.1


def one_sided_bounds(
    differences: Array, denominators: Array, *, confidence: float, seed: int, resamples: int = RESAMPLES
) -> list[Interval | None]:
    """For each column the bounds that Σ difference / Σ denominator lies above, and below, each with `confidence`.

    The ends of a two-sided interval that leaves as much out on either side; None over fewer than two prompts.
    """
    return ratio_intervals(differences, denominators, seed=seed, confidence=2 * confidence - 1, resamples=resamples)


def sign_flip_p_values(
    differences: Array,
    *,
    seed: int,
    resamples: int = RESAMPLES,
    alternative: Literal["two-sided", "less"] = "two-sided",
) -> Array:
    """P-values, one per column, of the sums of `differences` [prompts, scores] if the two runs were alike.

    Were they, each prompt's difference could as well have had the other sign (what `scipy.stats.permutation_test`
    does with one sample and `permutation_type="samples"`). `less` asks how often the sum would be as low as it is. All
    patterns of signs are tried where there are no more than `resamples`, else that many are drawn.
    """
    prompts, scores = differences.shape
    tolerance = 1e-9 * np.maximum(1, np.abs(differences).sum(axis=0))  # sums of equal size count as equal
    observed = differences.sum(axis=0)

    def extreme(signs: Array) -> Array:
        sums = signs @ differences
        if alternative == "less":
            return np.asarray((sums <= observed + tolerance).sum(axis=0), dtype=np.float64)
        return np.asarray((np.abs(sums) >= np.abs(observed) - tolerance).sum(axis=0), dtype=np.float64)

    if prompts < 60 and 2**prompts <= resamples:
        patterns = np.arange(2**prompts)[:, None] >> np.arange(prompts) & 1
        return np.asarray(extreme((1 - 2 * patterns).astype(np.float64)) / 2**prompts)
    rng = np.random.default_rng(seed)
    found = np.ones(scores)  # the pattern at hand is one of those possible
    for size in _batches(resamples):
        signs = 1 - 2 * rng.integers(0, 2, size=(size, prompts), dtype=np.int8)
        found += extreme(signs.astype(np.float64))
    return np.asarray(found / (resamples + 1))


def standard_errors(numerators: Array, denominators: Array) -> Array:
    """The standard error of Σ numerator / Σ denominator over prompts, one per column of [prompts, scores].

    Linearised, W. G. Cochran, "Sampling Techniques" (1977), section 2.11; with denominators of one it is that of a
    mean. NaN over fewer than two prompts.
    """
    prompts = len(numerators)
    if prompts < 2:
        return np.full(numerators.shape[1], math.nan)
    total = denominators.sum(axis=0)
    residuals = numerators - denominators * (numerators.sum(axis=0) / total)
    return np.asarray(np.sqrt((residuals**2).sum(axis=0) * prompts / (prompts - 1)) / total)


def detectable_difference(standard_error: float, *, confidence: float = CONFIDENCE, power: float = POWER) -> float:
    """The smallest true difference that a two-sided test at `confidence` finds with probability `power`."""
    return (_NORMAL.inv_cdf((1 + confidence) / 2) + _NORMAL.inv_cdf(power)) * standard_error


def prompts_needed(
    standard_error: float, *, prompts: int, distance: float, confidence: float = CONFIDENCE, power: float = POWER
) -> int | None:
    """How many prompts a one-sided test needs to tell a score from a limit that lies `distance` away.

    `standard_error` is what `prompts` prompts gave; NaN counts as unknown. None where no number can be named: it
    is unknown, or the distance is zero and no number is enough. Never fewer than what makes a sign-flip test's
    smallest p-value small enough.
    """
    if distance == 0 or math.isnan(standard_error):
        return None
    quantiles = _NORMAL.inv_cdf(confidence) + _NORMAL.inv_cdf(power)
    fewest = math.ceil(-math.log2(1 - confidence))
    return max(fewest, math.ceil(prompts * (quantiles * standard_error / distance) ** 2))


def image_sd(images: Array) -> float | None:
    """The standard deviation, over image index, of the mean score of [prompts, images]: what new seeds move.

    None for a single image per prompt, or no prompts.
    """
    if not len(images) or images.shape[1] < 2:
        return None
    return float(images.mean(axis=0).std(ddof=1))


def draw_counts(prompts: int, resamples: int, rng: np.random.Generator) -> Iterator[Array]:
    """How often each prompt was drawn, [resamples of this batch, prompts]."""
    for size in _batches(resamples):
        drawn = rng.integers(0, prompts, size=(size, prompts))
        drawn += prompts * np.arange(size)[:, None]
        yield np.bincount(drawn.ravel(), minlength=size * prompts).reshape(size, prompts).astype(np.float64)


def interval_of(
    resampled: Array, *, value: float, without_one: Array, confidence: float = CONFIDENCE
) -> Interval | None:
    """The interval of a statistic from its values over resampled prompts, and over all prompts but one.

    Any value may be NaN, where the statistic has none. None if no resample has a value, or the whole hasn't.
    """
    resampled, without_one = resampled[~np.isnan(resampled)], without_one[~np.isnan(without_one)]
    if not len(resampled) or math.isnan(value):
        return None
    resampled, value = np.round(resampled, _DECIMALS), round(value, _DECIMALS)
    if np.ptp(resampled) == 0:
        return Interval(value, value, "no spread")
    tails = ((1 - confidence) / 2, (1 + confidence) / 2)
    adjusted = _bca_levels(resampled, value, without_one, tails) if len(without_one) else None
    low, high = np.quantile(resampled, tails if adjusted is None else adjusted)
    return Interval(float(low), float(high), "percentile" if adjusted is None else "bca")


def _batches(total: int) -> Iterator[int]:
    for start in range(0, total, _BATCH):
        yield min(_BATCH, total - start)


def _interval(
    numerator_sums: Array, denominator_sums: Array, numerators: Array, denominators: Array, confidence: float
) -> Interval | None:
    if np.count_nonzero(denominators) < 2:
        return None
    counted = denominator_sums > 0
    return interval_of(
        numerator_sums[counted] / denominator_sums[counted],
        value=float(numerators.sum() / denominators.sum()),
        without_one=_leave_one_out(numerators, denominators),
        confidence=confidence,
    )


def _leave_one_out(numerators: Array, denominators: Array) -> Array:
    return np.asarray((numerators.sum() - numerators) / (denominators.sum() - denominators))


def _bca_levels(
    resampled: Array, value: float, without_one: Array, tails: tuple[float, float]
) -> tuple[float, float] | None:
    """The quantiles of `resampled` that bound the BCa interval; None where bias or acceleration can't be found."""
    below = float(np.mean(resampled < value) + np.mean(resampled <= value)) / 2
    deviations = without_one.mean() - without_one
    spread = float((deviations**2).sum())
    if not 0 < below < 1 or spread < 1e-20:
        return None
    bias = _NORMAL.inv_cdf(below)
    acceleration = float((deviations**3).sum()) / (6 * spread**1.5)
    shifts = [bias + _NORMAL.inv_cdf(tail) for tail in tails]
    if any(acceleration * shift >= 1 for shift in shifts):  # beyond the pole, where the ends would change places
        return None
    low, high = (_NORMAL.cdf(bias + shift / (1 - acceleration * shift)) for shift in shifts)
    return low, high
