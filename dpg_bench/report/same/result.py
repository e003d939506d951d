"""Did a faster engine, a quantised model or another card still draw the same?

Two questions, asked of the same prompts and seeds: how far the images are apart, and whether the benchmark's score is
the same. The second is a test of equivalence: two one-sided tests (D. J. Schuirmann, Journal of Pharmacokinetics and
Biopharmaceutics 15 (1987)) reject that the scores lie as far apart as the margin, in either direction. Nothing is
called the same because a difference could not be found.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.differences import Difference, find_differences
from dpg_bench.report.compare.pairing import pair_up, paired_numbers
from dpg_bench.report.compare.result import PairedScore
from dpg_bench.report.runs import JudgedRun, Protocol
from dpg_bench.report.same.flips import Flips, flipped_answers
from dpg_bench.report.same.pixels import Distances, measure_distances, measures_ssim
from dpg_bench.report.same.sides import Side, check_same_drawing, load_side, no_scores, told_apart
from dpg_bench.score.stats import (
    RESAMPLES,
    Array,
    Interval,
    is_significant,
    one_sided_bounds,
    paired_differences,
    prompts_needed,
    sign_flip_p_values,
    standard_errors,
)

Equivalence = Literal["equivalent", "different", "unclear"]
Verdict = Literal["identical", "equivalent", "close", "different", "unclear", "incomplete"]


@dataclass(frozen=True, slots=True)
class EquivalenceTest:
    """Whether the overall score of `prompts` prompts is the same within `margin` points, at `confidence`.

    `bounds` are those that the true difference lies above, and below, each with `confidence`; None over a single
    prompt. `p_value` is the larger of the two one-sided tests'. `equivalent`: both bounds lie within the margin and
    both tests agree. `different`: the difference lies beyond the margin. `unclear`: these prompts can't tell;
    `prompts_needed` could, if the difference stayed what it is (None: no number can be named).
    """

    margin: float
    confidence: float
    bounds: Interval | None
    p_value: float
    verdict: Equivalence
    prompts: int
    prompts_needed: int | None


@dataclass(frozen=True, slots=True)
class Scores:
    """What the judge made of both: the overall score and level-1 categories, changed answers, and the test."""

    protocol: Protocol
    judge: str
    numbers: tuple[PairedScore, ...]
    flips: tuple[Flips, ...]
    test: EquivalenceTest


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit for the images: the median of all images must not be below `least`; `found` is None if it isn't known."""

    name: Literal["PSNR", "SSIM"]
    least: float
    found: float | None
    held: bool


@dataclass(frozen=True, slots=True)
class Sameness:
    """`second` held against `first`, image by image and answer by answer.

    `distances` is None where images aren't there, `scores` where one of them is not scored. `settings` are those that
    differ, None where they are not recorded for both. `missing` are items that only one of them has, with the reason.
    """

    first: Side
    second: Side
    distances: Distances | None
    scores: Scores | None
    limits: tuple[Limit, ...]
    settings: tuple[Difference, ...] | None
    missing: dict[str, str]
    allow_missing: bool
    remarks: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of what was asked.

        `identical`: every pixel is the same. `equivalent`: the test says so. `close`: not scored, and within the limits
        for images.
        """
        if any(not limit.held for limit in self.limits) or self._tested == "different":
            return "different"
        if self.missing and not self.allow_missing:
            return "incomplete"
        if self.identical:
            return "identical"
        if self._tested is not None:
            return self._tested
        return "close" if self.limits else "unclear"

    @property
    def passed(self) -> bool:
        """Whether they were shown to be the same: what can't be told doesn't pass."""
        return self.verdict in ("identical", "equivalent", "close")

    @property
    def identical(self) -> bool:
        """Whether every pixel of every image that both have is the same."""
        return self.distances is not None and bool(self.distances.images) and self.distances.farthest == []

    @property
    def _tested(self) -> Equivalence | None:
        return None if self.scores is None else self.scores.test.verdict


def hold_same(
    first: Path,
    second: Path,
    *,
    judge: str | None = None,
    margin: float = 1.0,
    confidence: float = 0.95,
    protocol: Protocol = "corrected",
    min_psnr: float | None = None,
    min_ssim: float | None = None,
    allow_missing: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> Sameness:
    """Hold the run at `second` against the one at `first`: images where both have them, scores where both are scored.

    `margin` [points] is the difference of overall scores from which on they count as different, `min_psnr` [dB] and
    `min_ssim` what the median image must reach. `progress` is told the items whose images are compared, and of how
    many.

    Raises BadInputError for values out of range, for runs of other prompts or seeds, or other judges, for images of
    different sizes, and if there is nothing to compare.
    """
    _check_values(margin, confidence, min_psnr, min_ssim)
    one, other = load_side(first, judge=judge), load_side(second, judge=judge)
    names = told_apart(one, other, (first, second))
    one, other = (_called(side, name) for side, name in zip((one, other), names, strict=True))
    remarks = [*check_same_drawing(one, other)]
    scores = None
    if one.judged is not None and other.judged is not None:
        scores, said = _scores(
            *(one.judged, other.judged),
            protocol=protocol,
            margin=margin,
            confidence=confidence,
            resamples=resamples,
            seed=seed,
        )
        remarks += said
    distances = measure_distances(one, other, progress=progress)
    if distances is None and scores is None:
        raise BadInputError(f"{one.name} and {other.name} have neither images nor scores that could be compared.")
    if distances is None:
        remarks.append("The images of both are not there, so only answers are compared.")
    if scores is None:
        remarks.append(no_scores(one, other))
    if distances is not None and not measures_ssim():
        remarks.append("SSIM is not measured, since scikit-image is not installed: pip install 'dpg-bench[same]'.")
    known = one.settings is not None and other.settings is not None
    return Sameness(
        first=one,
        second=other,
        distances=distances,
        scores=scores,
        limits=_limits(distances, min_psnr, min_ssim),
        settings=find_differences(one.settings or {}, other.settings or {}) if known else None,
        missing=_missing(one, other, distances),
        allow_missing=allow_missing,
        remarks=tuple(remarks),
    )


def _called(side: Side, name: str) -> Side:
    judged = None if side.judged is None else replace(side.judged, name=name)
    return replace(side, name=name, judged=judged)


def _check_values(margin: float, confidence: float, min_psnr: float | None, min_ssim: float | None) -> None:
    if not 0 < margin < math.inf:
        raise BadInputError(f"{option('margin')} is {margin}; it must be a number of points above 0, such as 1.0.")
    if not 0.5 < confidence < 1:
        raise BadInputError(f"{option('confidence')} is {confidence}; it must lie between 0.5 and 1, such as 0.95.")
    if min_psnr is not None and not 0 < min_psnr < math.inf:
        raise BadInputError(f"{option('min_psnr')} is {min_psnr}; it must be a number of decibels, such as 30.")
    if min_ssim is not None and not 0 < min_ssim <= 1:
        raise BadInputError(f"{option('min_ssim')} is {min_ssim}; it must lie above 0 and be at most 1, such as 0.95.")
    if min_ssim is not None and not measures_ssim():
        raise BadInputError(f"{option('min_ssim')} needs scikit-image: pip install 'dpg-bench[same]'.")


def _scores(
    one: JudgedRun, other: JudgedRun, *, protocol: Protocol, margin: float, confidence: float, resamples: int, seed: int
) -> tuple[Scores, tuple[str, ...]]:
    pair = pair_up(one, other, protocol=protocol)
    numbers = [number for number in paired_numbers(pair) if number.row.level < 2]
    differences = np.column_stack([number.differences for number in numbers])
    weights = np.column_stack([number.weights for number in numbers])
    paired = paired_differences(differences, weights, confidence=confidence, resamples=resamples, seed=seed)
    scores = Scores(
        protocol=protocol,
        judge=one.card.judge.name,
        numbers=tuple(PairedScore(number, found) for number, found in zip(numbers, paired, strict=True)),
        flips=flipped_answers(one, other, pair.first.item_ids),
        test=equivalence_test(differences[:, 0], margin=margin, confidence=confidence, resamples=resamples, seed=seed),
    )
    return scores, pair.remarks


def equivalence_test(
    differences: Array, *, margin: float, confidence: float, resamples: int = RESAMPLES, seed: int = 0
) -> EquivalenceTest:
    """Two one-sided tests on the mean of the prompts' `differences` [prompts].

    As in `check`, bootstrap bounds and sign-flip tests must agree: the bootstrap alone is too sure of itself over a
    handful of prompts.
    """
    column = differences[:, None]
    ones = np.ones_like(column)
    bounds = one_sided_bounds(column, ones, confidence=confidence, seed=seed, resamples=resamples)[0]

    def p_value(shifted: Array) -> float:
        """That the sums of `shifted` are as low as they are."""
        return float(sign_flip_p_values(shifted, seed=seed, resamples=resamples, alternative="less")[0])

    significant = partial(is_significant, confidence=confidence)
    within = max(p_value(column - margin), p_value(-column - margin))
    beyond = min(p_value(column + margin), p_value(-column + margin))
    error = float(standard_errors(column, ones)[0])
    verdict: Equivalence = "unclear"
    if bounds is not None and -margin < bounds.low and bounds.high < margin and significant(within):
        verdict = "equivalent"
    elif bounds is not None and (bounds.low > margin or bounds.high < -margin) and significant(beyond):
        verdict = "different"
    distance = abs(margin - abs(float(differences.mean())))
    return EquivalenceTest(
        margin=margin,
        confidence=confidence,
        bounds=bounds,
        p_value=within,
        verdict=verdict,
        prompts=len(differences),
        prompts_needed=prompts_needed(error, prompts=len(differences), distance=distance, confidence=confidence)
        if verdict == "unclear"
        else None,
    )


def _limits(distances: Distances | None, min_psnr: float | None, min_ssim: float | None) -> tuple[Limit, ...]:
    if distances is None and (min_psnr is not None or min_ssim is not None):
        raise BadInputError(
            f"{option('min_psnr')} and {option('min_ssim')} are about images, and those of both are not there."
        )
    found: list[Limit] = []
    if distances is None:
        return ()
    if min_psnr is not None:
        psnr = distances.median_psnr  # None: the median image is the same in every pixel
        held = bool(distances.images) and (psnr is None or psnr >= min_psnr)
        found.append(Limit("PSNR", min_psnr, psnr, held))
    if min_ssim is not None:
        ssim = distances.median_ssim
        found.append(Limit("SSIM", min_ssim, ssim, ssim is not None and ssim >= min_ssim))
    return tuple(found)


def _missing(one: Side, other: Side, distances: Distances | None) -> dict[str, str]:
    missing: dict[str, str] = {}
    for side, against in ((one, other), (other, one)):
        have = set(side.item_ids)
        missing |= {item_id: f"not in {side.name}" for item_id in against.item_ids if item_id not in have}
        if side.judged is not None:
            gaps = [gap for gap in side.judged.card["corrected"].excluded if gap.cause != "protocol"]
            missing |= {gap.item_id: f"{side.name}: {gap.reason}" for gap in gaps}
        elif len(have) < side.expected and not missing:
            missing["…"] = f"{side.name} has {len(have)} of {side.expected} items"
    return missing | dict(distances.missing if distances is not None else {})
