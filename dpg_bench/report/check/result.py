"""The gate: has a run become worse than its baseline by more than is allowed, and is that more than noise?"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dpg_bench.errors import BadInputError, option
from dpg_bench.report.compare.pairing import OtherProtocol, PairedNumber, other_protocol, pair_up, paired_numbers
from dpg_bench.report.runs import JudgedRun, Protocol
from dpg_bench.score.stats import (
    RESAMPLES,
    Interval,
    is_significant,
    one_sided_bounds,
    prompts_needed,
    sign_flip_p_values,
    standard_errors,
)

NumberVerdict = Literal["regression", "unclear", "ok"]
Verdict = Literal["regression", "incomplete", "unclear", "ok"]


@dataclass(frozen=True, slots=True)
class CheckedNumber:
    """A score held against the baseline's: `number.first` is the baseline's, `number.second` the run's.

    `bounds` are those that the true difference lies above, and below, each with `confidence`; None over a single
    prompt. `regression`: the difference lies below `-max_drop` with that confidence. `ok`: it lies above. `unclear`:
    these prompts can't tell; `prompts_needed` could, if the difference stayed what it is (None: no number can be
    named).
    """

    number: PairedNumber
    difference: float
    confidence: float
    bounds: Interval | None
    verdict: NumberVerdict
    prompts: int
    prompts_needed: int | None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found, over the `prompts` that both have scored.

    `missing` are the items of the baseline that the run has no score of, and those that either has gaps at, with the
    reason. `other` is the overall score under the other protocol, which isn't checked.
    """

    run: JudgedRun
    baseline: JudgedRun
    protocol: Protocol
    max_drop: float
    confidence: float
    prompts: int
    missing: Mapping[str, str]
    allow_missing: bool
    strict: bool
    numbers: tuple[CheckedNumber, ...]
    other: OtherProtocol | None
    remarks: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of all numbers'; `incomplete` where prompts are missing, unless that is allowed."""
        found = {number.verdict for number in self.numbers}
        if "regression" in found:
            return "regression"
        if self.missing and not self.allow_missing:
            return "incomplete"
        return "unclear" if "unclear" in found else "ok"

    @property
    def passed(self) -> bool:
        """Whether the gate lets the run through: `unclear` passes where the check isn't strict."""
        return self.verdict == "ok" or (self.verdict == "unclear" and not self.strict)


def check_run(
    run: JudgedRun,
    baseline: JudgedRun,
    *,
    max_drop: float = 1.0,
    confidence: float = 0.95,
    categories: bool = False,
    protocol: Protocol = "corrected",
    allow_missing: bool = False,
    strict: bool = False,
    allow_different: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> CheckResult:
    """Hold `run` against `baseline`, overall and, with `categories`, in every level-1 category.

    A number is a regression only if both its bootstrap bound and a paired sign-flip test say so: the bootstrap alone
    is too sure of itself over a handful of prompts. The overall score is tested at `confidence`, whatever else is; the
    categories share it, each tested at a confidence high enough (Bonferroni) that, were nothing worse, one of them
    would fail in at most 1 - `confidence` of checks. A run without scores of all the baseline's prompts doesn't pass
    unless `allow_missing`, nor one held against a baseline with gaps; `strict` lets nothing through that these prompts
    can't tell.

    Raises BadInputError for a negative `max_drop`, a confidence outside 0.5 to 1, and what `pair_up` raises.
    """
    if not 0 <= max_drop < math.inf:
        raise BadInputError(f"{option('max_drop')} is {max_drop}; it must be a number of points from 0, such as 1.0.")
    if not 0.5 < confidence < 1:
        raise BadInputError(f"{option('confidence')} is {confidence}; it must lie between 0.5 and 1, such as 0.95.")
    pair = pair_up(baseline, run, protocol=protocol, allow_different=allow_different)
    numbers = list(paired_numbers(pair))
    checked = [(numbers[:1], confidence)]
    if categories and (below := [number for number in numbers if number.row.level == 1]):
        checked.append((below, 1 - (1 - confidence) / len(below)))
    return CheckResult(
        run=run,
        baseline=baseline,
        protocol=protocol,
        max_drop=max_drop,
        confidence=confidence,
        prompts=len(pair.first.item_ids),
        missing=_missing(run, baseline, protocol),
        allow_missing=allow_missing,
        strict=strict,
        numbers=tuple(
            one
            for group, sure in checked
            for one in _checked(group, max_drop=max_drop, confidence=sure, resamples=resamples, seed=seed)
        ),
        other=other_protocol(baseline, run, protocol),
        remarks=pair.remarks,
    )


def _missing(run: JudgedRun, baseline: JudgedRun, protocol: Protocol) -> Mapping[str, str]:
    scored = set(run.items(protocol).item_ids)
    absent = (item_id for item_id in baseline.items(protocol).item_ids if item_id not in scored)
    return {
        **{item_id: f"the baseline lacks it: {reason}" for item_id, reason in _gaps(baseline, protocol)},
        **dict.fromkeys(absent, "not in this run"),
        **dict(_gaps(run, protocol)),
    }


def _gaps(run: JudgedRun, protocol: Protocol) -> Iterator[tuple[str, str]]:
    for item in run.protocol(protocol).excluded:
        if item.cause != "protocol":
            yield item.item_id, item.reason


def _checked(
    numbers: list[PairedNumber], *, max_drop: float, confidence: float, resamples: int, seed: int
) -> Iterator[CheckedNumber]:
    differences = np.column_stack([number.differences for number in numbers])
    weights = np.column_stack([number.weights for number in numbers])
    bounds = one_sided_bounds(differences, weights, confidence=confidence, seed=seed, resamples=resamples)
    # Were the true difference just what is allowed, the sums of `differences + max_drop` would lie around zero.
    p_values = sign_flip_p_values(differences + max_drop * weights, seed=seed, resamples=resamples, alternative="less")
    errors = standard_errors(differences, weights)
    values = differences.sum(axis=0) / weights.sum(axis=0)
    for j, number in enumerate(numbers):
        verdict = _verdict(bounds[j], float(p_values[j]), limit=-max_drop, confidence=confidence)
        prompts = int(np.count_nonzero(weights[:, j]))
        distance = abs(float(values[j]) + max_drop)
        yield CheckedNumber(
            number=number,
            difference=float(values[j]),
            confidence=confidence,
            bounds=bounds[j],
            verdict=verdict,
            prompts=prompts,
            prompts_needed=prompts_needed(float(errors[j]), prompts=prompts, distance=distance, confidence=confidence)
            if verdict == "unclear"
            else None,
        )


def _verdict(bounds: Interval | None, p_value: float, *, limit: float, confidence: float) -> NumberVerdict:
    if bounds is None:
        return "unclear"
    if bounds.high < limit:
        return "regression" if is_significant(p_value, confidence=confidence) else "unclear"
    return "ok" if bounds.low >= limit else "unclear"
