"""Two runs set side by side, prompt by prompt, over the prompts that both have scored.

Prompts differ in difficulty far more than runs do; paired, that difficulty cancels, and differences are seen that two
separate intervals would hide.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from dpg_bench.errors import BadInputError
from dpg_bench.report.compare.comparability import check_comparable
from dpg_bench.report.rows import OVERALL, CategoryRow, category_rows
from dpg_bench.report.runs import JudgedRun, Protocol
from dpg_bench.score.items import Array, ItemScores, Tallies


@dataclass(frozen=True, slots=True)
class Pair:
    """The items that two runs have both scored, as each scored them, and what must be said beside a comparison."""

    first: ItemScores
    second: ItemScores
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PairedNumber:
    """The overall score or a category's in two runs, 0 to 100.

    Their difference, second minus first, is Σ `differences` / Σ `weights`, both [prompts].
    """

    row: CategoryRow
    first: float
    second: float
    differences: Array
    weights: Array


@dataclass(frozen=True, slots=True)
class OtherProtocol:
    """The overall scores of two runs, 0 to 100, under the protocol that isn't looked at; None where withheld."""

    protocol: Protocol
    first: float | None
    second: float | None


def other_protocol(first: JudgedRun, second: JudgedRun, protocol: Protocol) -> OtherProtocol:
    """What the two have under the other of the two protocols, each over all that it has scored."""
    other: Protocol = "official" if protocol == "corrected" else "corrected"
    return OtherProtocol(other, first.protocol(other).overall, second.protocol(other).overall)


def pair_up(first: JudgedRun, second: JudgedRun, *, protocol: Protocol, allow_different: bool = False) -> Pair:
    """Find the items that both have scored.

    Raises BadInputError if they were asked different suites or judged by different judges, have no scored item
    in common, or have a scorecard of schema 1; and if they drew from different texts, unless `allow_different`.
    """
    remarks = [*check_comparable(first, second, allow_different=allow_different)]
    one, other = first.items(protocol), second.items(protocol)
    known = set(other.item_ids)
    common = [item_id for item_id in one.item_ids if item_id in known]
    if not common:
        raise BadInputError(
            f"{first.name} and {second.name} have no scored item in common: {len(one.item_ids)} are scored in "
            f"{first.file}, {len(other.item_ids)} in {second.file}."
        )
    if len(common) < max(len(one.item_ids), len(other.item_ids)):
        remarks.append(
            f"Compared over the {len(common)} items that both have scored: {first.name} has {len(one.item_ids)}, "
            f"{second.name} {len(other.item_ids)}."
        )
    return Pair(one.select(common), other.select(common), tuple(remarks))


def paired_numbers(pair: Pair) -> Iterator[PairedNumber]:
    """The overall score, then the categories of both levels in the order of the paper."""
    yield PairedNumber(
        row=OVERALL,
        first=float(pair.first.scores.mean()),
        second=float(pair.second.scores.mean()),
        differences=pair.second.scores - pair.first.scores,
        weights=np.ones(len(pair.first.item_ids)),
    )
    # A run of fewer items may lack categories that the other's further items have.
    l1, l2 = pair.first.l1.keys() & pair.second.l1.keys(), pair.first.l2.keys() & pair.second.l2.keys()
    for row in category_rows(l1, sorted(l2)):
        one, other = (side.l1[row.name] if row.level == 1 else side.l2[row.name] for side in (pair.first, pair.second))
        if one.score is None or other.score is None:
            continue  # none of these items has a question of that category
        # An item's answers to a category are its questions times the images, so two runs with different numbers of
        # images weigh the items alike.
        yield PairedNumber(
            row=row,
            first=one.score,
            second=other.score,
            differences=100 * (_shares(other) - _shares(one)) * one.answers,
            weights=one.answers,
        )


def _shares(tallies: Tallies) -> Array:
    return np.divide(tallies.yes, tallies.answers, out=np.zeros_like(tallies.yes), where=tallies.answers > 0)
