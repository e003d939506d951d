"""Two judges held against each other: answer by answer, item by item, model by model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from dpg_bench.report.agree.item_scores import ImageScores
from dpg_bench.report.agree.material import ABSENT, UNANSWERED, YES, Material, Place
from dpg_bench.report.rows import OVERALL, CategoryRow, category_rows
from dpg_bench.score.agreement import AgreementIntervals, Counts, agreement_intervals
from dpg_bench.score.rank_correlation import Correlation, kendall, spearman
from dpg_bench.score.stats import Array

Said: TypeAlias = npt.NDArray[np.int8]
Mask: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class CategoryAgreement:
    """How two judges agree over all questions, or over those of one category."""

    row: CategoryRow
    counts: Counts
    intervals: AgreementIntervals


@dataclass(frozen=True, slots=True)
class Flip:
    """A question that one judge answers yes and the other doesn't. `p_yes` are both judges' P(yes), as far as known."""

    place: Place
    first_yes: bool
    first: str
    second: str
    p_yes: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class ItemAgreement:
    """The rank correlation of two judges' scores of the same images."""

    images: int
    spearman: Correlation
    kendall: Correlation


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Two judges over the questions that both were asked.

    An answer that is neither yes nor no counts as no, as in the official script; `unanswered` of the common questions
    are such for either judge, and `answered` are the counts without them. `first_alone` and `second_alone` were asked
    of one judge only. `flips` are all, those first whose judges are surest. `items` is None over fewer than two images.
    """

    first: str
    second: str
    categories: tuple[CategoryAgreement, ...]
    unanswered: tuple[int, int]
    answered: Counts
    first_alone: int
    second_alone: int
    flips: tuple[Flip, ...]
    items: ItemAgreement | None

    @property
    def overall(self) -> Counts:
        """The counts over all common questions."""
        return self.categories[0].counts


def pair_agreements(
    material: Material,
    scores: Mapping[tuple[str, str], ImageScores],
    *,
    seed: int,
    confidence: float,
    resamples: int,
) -> tuple[PairAgreement, ...]:
    """Every two judges that were asked a question in common; `scores` are their images' by judge and model."""
    said = {judge: material.said(judge) for judge in material.judges}
    found = []
    for first, second in combinations(material.judges, 2):
        common = (said[first] != ABSENT) & (said[second] != ABSENT)
        if not common.any():
            continue
        # What is neither yes nor no is no yes, as in the official script.
        one, other = said[first] == YES, said[second] == YES
        rows, cells = _cells(material, one, other, common)
        intervals = agreement_intervals(cells, seed=seed, confidence=confidence, resamples=resamples)
        sure = common & (said[first] != UNANSWERED) & (said[second] != UNANSWERED)
        found.append(
            PairAgreement(
                first=first,
                second=second,
                categories=tuple(
                    CategoryAgreement(row, _counts(cells[:, place].sum(axis=0)), intervals[place])
                    for place, row in enumerate(rows)
                ),
                unanswered=(_count(said[first], common), _count(said[second], common)),
                answered=_counts(_answers(one[sure], other[sure]).sum(axis=0)),
                first_alone=int(((said[first] != ABSENT) & (said[second] == ABSENT)).sum()),
                second_alone=int(((said[second] != ABSENT) & (said[first] == ABSENT)).sum()),
                flips=_flips(material, (first, second), one & common, other & common),
                items=_items(material, scores, first, second, seed=seed, confidence=confidence, resamples=resamples),
            )
        )
    return tuple(found)


def _count(said: Said, common: Mask) -> int:
    return int(((said == UNANSWERED) & common).sum())


def _answers(one: Mask, other: Mask) -> Array:
    """Whether each of two judges said yes as rows of ones and zeros, [questions, 4], in the order of `Counts`."""
    return np.stack([one & other, one & ~other, ~one & other, ~one & ~other], axis=1).astype(np.float64)


def _counts(sums: Array) -> Counts:
    return Counts(*(int(value) for value in sums))


def _cells(material: Material, one: Mask, other: Mask, common: Mask) -> tuple[Sequence[CategoryRow], Array]:
    """The rows of the table, and the counts of each by item, [items, rows, 4], over items with a common question."""
    places = [place for place, there in zip(material.places, common, strict=True) if there]
    answers = _answers(one[common], other[common])
    _, groups = np.unique(material.groups[common], return_inverse=True)
    rows: list[CategoryRow] = [OVERALL]
    if material.has_graph:
        l1 = {place.question.category_broad for place in places}
        rows += category_rows(l1, sorted({place.question.category for place in places}))
    cells = np.zeros((int(groups.max()) + 1, len(rows), 4))
    numbers = {(row.level, row.name): number for number, row in enumerate(rows)}
    np.add.at(cells[:, 0], groups, answers)
    for level in (1, 2):
        own = np.array([numbers.get((level, _category(place, level)), -1) for place in places], dtype=np.intp)
        there = own >= 0
        np.add.at(cells, (groups[there], own[there]), answers[there])
    return rows, cells


def _category(place: Place, level: int) -> str:
    return place.question.category_broad if level == 1 else place.question.category


def _flips(material: Material, judges: tuple[str, str], one: Mask, other: Mask) -> tuple[Flip, ...]:
    """The surest first where both judges gave P(yes); else in turn of every category, so that a few show them all."""
    found = []
    for row in np.flatnonzero(one != other):
        place = material.places[row]
        words, p_yes = [], []
        for judge in judges:
            source = material.sources[judge, place.model]
            number = place.question.proposition_id
            words.append(source.table.get(place.item_id, {}).get(place.image, {}).get(number, ""))
            p_yes.append(source.p_yes.get(place.item_id, {}).get(place.image, {}).get(number))
        found.append(Flip(place, bool(one[row]), words[0], words[1], (p_yes[0], p_yes[1])))
    turn: dict[tuple[str, bool], int] = {}
    turns = []
    for flip in found:
        key = (flip.place.question.category, flip.first_yes)
        turn[key] = turn.get(key, 0) + 1
        turns.append(turn[key])
    order = sorted(range(len(found)), key=lambda n: (-_sureness(found[n]), turns[n], n))
    return tuple(found[n] for n in order)


def _sureness(flip: Flip) -> float:
    one, other = flip.p_yes
    return abs(one - other) if one is not None and other is not None else 0.0


def _items(
    material: Material,
    scores: Mapping[tuple[str, str], ImageScores],
    first: str,
    second: str,
    *,
    seed: int,
    confidence: float,
    resamples: int,
) -> ItemAgreement | None:
    columns: tuple[list[float], list[float], list[int]] = ([], [], [])
    numbers = {prompt.item_id: number for number, prompt in enumerate(material.suite.prompts)}
    for model in material.models:
        one, other = scores.get((first, model), {}), scores.get((second, model), {})
        for key in (key for key in one if key in other):
            columns[0].append(one[key])
            columns[1].append(other[key])
            columns[2].append(numbers[key[0]])
    if len(columns[0]) < 2:
        return None
    kept, groups = np.unique(np.array(columns[2]), return_inverse=True)
    x, y = np.array(columns[0]), np.array(columns[1])
    rho, tau = (
        statistic(x, y, groups, count=len(kept), seed=seed, resamples=resamples).correlation(confidence)
        for statistic in (spearman, kendall)
    )
    return ItemAgreement(len(x), rho, tau)
