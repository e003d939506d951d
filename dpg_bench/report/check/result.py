"""The gate: has a run become worse than its baseline by more than is allowed, and is that more than noise?"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from dpg_bench.errors import BadInputError
from dpg_bench.report.compare.pairing import PairedNumber, pair_up, paired_numbers
from dpg_bench.report.runs import JudgedRun, Protocol
from dpg_bench.score.stats import (
    RESAMPLES,
    Interval,
    one_sided_bounds,
    prompts_needed,
    sign_flip_p_values,
    standard_errors,
)

Verdict = Literal["regression", "unclear", "ok"]


@dataclass(frozen=True, slots=True)
class CheckedNumber:
    """A score held against the baseline's: `number.first` is the baseline's, `number.second` the run's.

    `bounds` are those that the true difference lies above, and below, each with the check's confidence; None over
    a single prompt. `regression`: the difference lies below `-max_drop` with that confidence. `ok`: it lies above.
    `unclear`: these prompts can't tell; `prompts_needed` could, if the difference stayed what it is (None: no
    number can be named).
    """

    number: PairedNumber
    difference: float
    bounds: Interval | None
    verdict: Verdict
    prompts: int
    prompts_needed: int | None


@dataclass(frozen=True, slots=True)
class CheckResult:
    """What a check found. `tested_confidence` is that of each single number, so that `confidence` holds for all."""

    run: JudgedRun
    baseline: JudgedRun
    protocol: Protocol
    max_drop: float
    confidence: float
    tested_confidence: float
    prompts: int
    numbers: tuple[CheckedNumber, ...]
    remarks: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """The worst of all numbers'."""
        found = {number.verdict for number in self.numbers}
        return "regression" if "regression" in found else "unclear" if "unclear" in found else "ok"


def check_run(
    run: JudgedRun,
    baseline: JudgedRun,
    *,
    max_drop: float = 1.0,
    confidence: float = 0.95,
    categories: bool = False,
    protocol: Protocol = "corrected",
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> CheckResult:
    """Hold `run` against `baseline`, overall and, with `categories`, in every level-1 category.

    A number is a regression only if both its bootstrap bound and a paired sign-flip test say so: the bootstrap alone
    is too sure of itself over a handful of prompts. With several numbers each is tested at a confidence high
    enough (Bonferroni) that, were nothing worse, one of them would fail in at most 1 - `confidence` of checks.

    Raises BadInputError for a negative `max_drop`, a confidence outside 0.5 to 1, and what `pair_up` raises.
    """
    if not 0 <= max_drop < math.inf:
        raise BadInputError(f"--max-drop is {max_drop}; it must be a number of points from 0, such as 1.0.")
    if not 0.5 < confidence < 1:
        raise BadInputError(f"--confidence is {confidence}; it must lie between 0.5 and 1, such as 0.95.")
    pair = pair_up(baseline, run, protocol=protocol)
    highest = 1 if categories else 0
    numbers = [number for number in paired_numbers(pair) if number.row.level <= highest]
    tested = 1 - (1 - confidence) / len(numbers)
    return CheckResult(
        run=run,
        baseline=baseline,
        protocol=protocol,
        max_drop=max_drop,
        confidence=confidence,
        tested_confidence=tested,
        prompts=len(pair.first.item_ids),
        numbers=_checked(numbers, max_drop=max_drop, confidence=tested, resamples=resamples, seed=seed),
        remarks=(*pair.remarks, *_gaps(run)),
    )


def _checked(
    numbers: list[PairedNumber], *, max_drop: float, confidence: float, resamples: int, seed: int
) -> tuple[CheckedNumber, ...]:
    differences = np.column_stack([number.differences for number in numbers])
    weights = np.column_stack([number.weights for number in numbers])
    bounds = one_sided_bounds(differences, weights, confidence=confidence, seed=seed, resamples=resamples)
    # Were the true difference just what is allowed, the sums of `differences + max_drop` would lie around zero.
    p_values = sign_flip_p_values(differences + max_drop * weights, seed=seed, resamples=resamples, alternative="less")
    errors = standard_errors(differences, weights)
    values = differences.sum(axis=0) / weights.sum(axis=0)
    checked = []
    for j, number in enumerate(numbers):
        verdict = _verdict(bounds[j], float(p_values[j]), limit=-max_drop, significance=1 - confidence)
        prompts = int(np.count_nonzero(weights[:, j]))
        checked.append(
            CheckedNumber(
                number=number,
                difference=float(values[j]),
                bounds=bounds[j],
                verdict=verdict,
                prompts=prompts,
                prompts_needed=prompts_needed(
                    float(errors[j]),
                    prompts=prompts,
                    distance=abs(float(values[j]) + max_drop),
                    confidence=confidence,
                )
                if verdict == "unclear"
                else None,
            )
        )
    return tuple(checked)


def _verdict(bounds: Interval | None, p_value: float, *, limit: float, significance: float) -> Verdict:
    if bounds is None:
        return "unclear"
    if bounds.high < limit:
        return "regression" if p_value <= significance else "unclear"
    return "ok" if bounds.low >= limit else "unclear"


def _gaps(run: JudgedRun) -> tuple[str, ...]:
    if run.card.complete:
        return ()
    left_out = [item for item in run.protocol("corrected").excluded if item.cause != "protocol"]
    example = f" ('{left_out[0].item_id}': {left_out[0].reason})" if left_out else ""
    return (f"{run.name} is incomplete: {len(left_out)} items have no score{example}.",)
