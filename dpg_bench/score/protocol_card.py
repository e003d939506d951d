"""A protocol's result → its part of the scorecard, with an interval around every score."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from dpg_bench.records import Suite
from dpg_bench.score.item_columns import item_columns, item_scores
from dpg_bench.score.item_scores import ItemScores
from dpg_bench.score.protocols.base import CategoryScore, ProtocolResult
from dpg_bench.score.scorecard import CategoryCard, ExclusionCard, IntervalCard, ProtocolCard, StatisticsCard
from dpg_bench.score.stats import Interval, image_sd, ratio_intervals

_DECIMALS = 4
"""Of an interval, in percentage points: more would be noise of the resampling, and differ between machines."""


def protocol_card(
    suite: Suite, result: ProtocolResult, *, partial: str | None, allow_missing: bool, statistics: StatisticsCard
) -> ProtocolCard:
    """`result` with counts and intervals; the overall score only if the run is complete or `allow_missing` is given.

    Raises BadInputError if the suite has a level-2 category under two level-1 categories.
    """
    columns = item_columns(suite, result.items)
    scores = item_scores(columns)
    intervals = _intervals(scores, statistics)
    shown = result.complete or allow_missing
    sd = image_sd(scores.images)
    return ProtocolCard(
        overall=result.overall if shown else None,
        interval=intervals["overall"] if shown else None,
        image_sd=round(sd, _DECIMALS) if sd is not None and shown else None,
        prompts_scored=len(result.items),
        prompts_expected=len(result.items) + len(result.excluded),
        questions=sum(item.questions for item in result.items),
        complete=result.complete,
        partial=partial,
        l1=_category_cards(result.l1, intervals, "l1 "),
        l2=_category_cards(result.l2, intervals, "l2 "),
        excluded=tuple(
            ExclusionCard(item_id=item.item_id, reason=item.reason, cause=item.cause) for item in result.excluded
        ),
        items=columns,
    )


def _intervals(scores: ItemScores, statistics: StatisticsCard) -> dict[str, IntervalCard | None]:
    """The intervals of the overall score and of every category, the latter by level and name."""
    tallies = {f"l1 {name}": one for name, one in scores.l1.items()}
    tallies |= {f"l2 {name}": one for name, one in scores.l2.items()}
    found = ratio_intervals(
        np.column_stack([scores.scores, *(100 * one.yes for one in tallies.values())]),
        np.column_stack([np.ones(len(scores.item_ids)), *(one.answers for one in tallies.values())]),
        seed=statistics.seed,
        confidence=statistics.confidence,
        resamples=statistics.resamples,
    )
    return dict(zip(["overall", *tallies], map(_interval_card, found), strict=True))


def _interval_card(interval: Interval | None) -> IntervalCard | None:
    if interval is None:
        return None
    return IntervalCard(
        low=round(interval.low, _DECIMALS), high=round(interval.high, _DECIMALS), method=interval.method
    )


def _category_cards(
    categories: Mapping[str, CategoryScore], intervals: Mapping[str, IntervalCard | None], level: str
) -> dict[str, CategoryCard]:
    return {
        name: CategoryCard(
            score=one.score, interval=intervals.get(level + name), prompts=one.prompts, questions=one.questions
        )
        for name, one in categories.items()
    }
