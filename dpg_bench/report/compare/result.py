"""What changed from one run to another: every score with the certainty of its difference, items and questions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.differences import Difference, find_differences
from dpg_bench.report.compare.pairing import Pair, PairedNumber, pair_up, paired_numbers
from dpg_bench.report.runs import JudgedRun, Protocol
from dpg_bench.score.stats import CONFIDENCE, RESAMPLES, PairedDifference, paired_differences

_EQUAL = 1e-9  # points; the same answers in another order of images differ in the last bits


@dataclass(frozen=True, slots=True)
class PairedScore:
    """A number of two runs and how certain its difference is."""

    number: PairedNumber
    paired: PairedDifference


@dataclass(frozen=True, slots=True)
class ItemChange:
    """An item's score in both runs, 0 to 100."""

    item_id: str
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class QuestionChange:
    """The share of images about which a question was answered yes in both runs, 0 to 1."""

    item_id: str
    proposition_id: int
    first: float
    second: float


@dataclass(frozen=True, slots=True)
class Comparison:
    """`second` held against `first`.

    `other` is the overall score under the other protocol, None where no item is scored by both. `settings` are those
    of the model that differ, None where they are not recorded for both. `items` and `questions` are all that changed,
    the most changed first.
    """

    first: JudgedRun
    second: JudgedRun
    protocol: Protocol
    confidence: float
    prompts: int
    scores: tuple[PairedScore, ...]
    other: PairedScore | None
    other_protocol: Protocol
    settings: tuple[Difference, ...] | None
    items: tuple[ItemChange, ...]
    questions: tuple[QuestionChange, ...]
    remarks: tuple[str, ...]


def compare_all(
    runs: Sequence[JudgedRun],
    *,
    protocol: Protocol = "corrected",
    confidence: float = CONFIDENCE,
    allow_different: bool = False,
) -> tuple[Comparison, ...]:
    """Hold every other run against the first.

    Raises BadInputError for fewer than two runs or a confidence outside 0.5 to 1, and what `compare_runs` raises.
    """
    if len(runs) < 2:
        raise BadInputError("A comparison needs at least two runs. Name two run folders or scorecard files.")
    if not 0.5 < confidence < 1:
        raise BadInputError(f"{option('confidence')} is {confidence}; it must lie between 0.5 and 1, such as 0.95.")
    names = [run.name for run in runs]
    first, *others = (replace(run, name=str(run.file)) if names.count(run.name) > 1 else run for run in runs)
    return tuple(
        compare_runs(first, other, protocol=protocol, confidence=confidence, allow_different=allow_different)
        for other in others
    )


def compare_runs(
    first: JudgedRun,
    second: JudgedRun,
    *,
    protocol: Protocol = "corrected",
    confidence: float = CONFIDENCE,
    allow_different: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Comparison:
    """Hold `second` against `first` over the items that both have scored.

    Raises what `pair_up` raises.
    """
    pair = pair_up(first, second, protocol=protocol, allow_different=allow_different)
    other: Protocol = "official" if protocol == "corrected" else "corrected"
    settings = [{"model": run.card.run.model, **run.card.run.settings} for run in (first, second)]
    known = all(run.card.run.settings_fingerprint is not None for run in (first, second))

    def paired_scores(numbers: Sequence[PairedNumber]) -> tuple[PairedScore, ...]:
        if not numbers:
            return ()
        paired = paired_differences(
            np.column_stack([number.differences for number in numbers]),
            np.column_stack([number.weights for number in numbers]),
            confidence=confidence,
            resamples=resamples,
            seed=seed,
        )
        return tuple(PairedScore(number, result) for number, result in zip(numbers, paired, strict=True))

    return Comparison(
        first=first,
        second=second,
        protocol=protocol,
        confidence=confidence,
        prompts=len(pair.first.item_ids),
        scores=paired_scores(list(paired_numbers(pair))),
        other=next(iter(paired_scores(_overall(first, second, other))), None),
        other_protocol=other,
        settings=find_differences(*settings) if known else None,
        items=_item_changes(pair),
        questions=_question_changes(first, second, pair.first.item_ids),
        remarks=pair.remarks,
    )


def _overall(first: JudgedRun, second: JudgedRun, protocol: Protocol) -> Sequence[PairedNumber]:
    if not set(first.items(protocol).item_ids) & set(second.items(protocol).item_ids):
        return ()
    return list(paired_numbers(pair_up(first, second, protocol=protocol, allow_different=True)))[:1]


def _item_changes(pair: Pair) -> tuple[ItemChange, ...]:
    changes = [
        ItemChange(item_id, float(before), float(after))
        for item_id, before, after in zip(pair.first.item_ids, pair.first.scores, pair.second.scores, strict=True)
        if not math.isclose(before, after, abs_tol=_EQUAL)
    ]
    return tuple(sorted(changes, key=lambda change: -abs(change.second - change.first)))


def _question_changes(first: JudgedRun, second: JudgedRun, item_ids: Sequence[str]) -> tuple[QuestionChange, ...]:
    before, after = first.answers, second.answers
    changes = []
    for item_id in item_ids:
        if item_id not in before or item_id not in after:
            continue  # scored by the official protocol alone, which never asks the suite's first question
        for proposition_id, images in before[item_id].items():
            one = sum(images) / len(images)
            other = sum(after[item_id][proposition_id]) / len(after[item_id][proposition_id])
            if one != other:
                changes.append(QuestionChange(item_id, proposition_id, one, other))
    return tuple(sorted(changes, key=lambda change: -abs(change.second - change.first)))
