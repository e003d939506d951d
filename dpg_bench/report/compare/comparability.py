"""Which scorecards may be held against each other: same suite, same judge, images of the same texts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.differences import find_differences
from dpg_bench.report.runs import JudgedRun

_SHOWN_DIGITS = 12


def check_comparable(first: JudgedRun, second: JudgedRun, *, allow_different: bool = False) -> tuple[str, ...]:
    """What must be said beside a comparison of the two.

    Raises BadInputError, saying which, if they were asked different suites or judged by different judges, or if one
    drew from rewritten prompts that the other didn't draw from; `allow_different` lets that pass with a remark. A judge
    without a fingerprint (answers from elsewhere) may be any, so that is only remarked.
    """
    one, other = first.card, second.card
    if one.suite.digest != other.suite.digest:
        raise BadInputError(
            f"{first.name} and {second.name} can't be compared: their suites differ. {first.file} is of "
            f"'{one.suite.name}' with the digest {one.suite.digest[:_SHOWN_DIGITS]}, {second.file} of "
            f"'{other.suite.name}' with {other.suite.digest[:_SHOWN_DIGITS]}. Score both with the same "
            f"{option('suite')}."
        )
    remarks = [*_other_texts(first, second, allow_different=allow_different)]
    if one.judge.fingerprint is None or other.judge.fingerprint is None:
        unknown = " and ".join(run.name for run in (first, second) if run.card.judge.fingerprint is None)
        remarks.append(f"Who judged {unknown} is not recorded; the comparison holds only if the judges are the same.")
    elif one.judge.fingerprint != other.judge.fingerprint:
        raise BadInputError(
            f"{first.name} and {second.name} can't be compared: their judges differ. {first.file} is of "
            f"'{one.judge.name}', {second.file} of '{other.judge.name}'"
            f"{_difference(one.judge.provenance, other.judge.provenance)}. Score both with the same judge."
        )
    if one.run.images_per_prompt != other.run.images_per_prompt:
        remarks.append(
            f"{first.name} has {one.run.images_per_prompt} images per prompt, {second.name} "
            f"{other.run.images_per_prompt}: more images make an item's score steadier, not higher."
        )
    return tuple(remarks)


def _other_texts(first: JudgedRun, second: JudgedRun, *, allow_different: bool) -> tuple[str, ...]:
    if first.rewriting == second.rewriting:
        return ()
    told = " and ".join(f"{run.name} from prompts {run.rewriting or 'as they stand'}" for run in (first, second))
    if not allow_different:
        raise BadInputError(
            f"{first.name} and {second.name} can't be compared: they drew from different texts, {told}. What rewriting "
            f"adds is the rewriter's; compare them nevertheless with {option('allow_different', True)}."
        )
    return (f"They drew from different texts, {told}: part of the difference is the rewriter's.",)


def _difference(one: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """The first thing that both records name and differ in, in words; empty if there is none."""
    both = (found for found in find_differences(one, other) if found.before is not None and found.now is not None)
    return next((f" ({found.name} {found.before!r} and {found.now!r})" for found in both), "")
