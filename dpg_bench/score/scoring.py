"""Answers → scorecard: the one entry to scoring that the command line and the Python API share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal

import numpy as np

from dpg_bench.errors import BadInputError, option
from dpg_bench.records import AnswerTable, PYesTable, Suite
from dpg_bench.score.items import ItemScores, Tallies, answer_bits, item_columns, item_scores
from dpg_bench.score.protocols.base import CategoryScore, ProtocolResult, expected_prompts
from dpg_bench.score.protocols.corrected import corrected_scores
from dpg_bench.score.protocols.official import official_scores
from dpg_bench.score.protocols.products import product_scores
from dpg_bench.score.protocols.soft import soft_scores
from dpg_bench.score.scorecard import (
    CORRECTED,
    OFFICIAL,
    AnsweredCard,
    CategoryCard,
    ExclusionCard,
    IntervalCard,
    JudgeCard,
    ProductCard,
    ProtocolCard,
    RunCard,
    Scorecard,
    SoftCard,
    StatisticsCard,
    SuiteCard,
)
from dpg_bench.score.stats import Interval, image_sd, ratio_intervals
from dpg_bench.suite.mending import recorded
from dpg_bench.suite.t2i_compbench import is_compbench

_DECIMALS = 4
"""Of an interval, in percentage points: more would be noise of the resampling, and differ between machines."""


def answers_to_scorecard(
    suite: Suite,
    answers: AnswerTable,
    *,
    judge: JudgeCard,
    run: RunCard,
    item_ids: Iterable[str] | None = None,
    failures: Mapping[str, str] | None = None,
    missing: Mapping[str, str] | None = None,
    never_asked: Mapping[str, str] | None = None,
    p_yes: PYesTable | None = None,
    answered: AnsweredCard | None = None,
    statistics: StatisticsCard | None = None,
) -> Scorecard:
    """Score `answers` under both protocols, and softly where `p_yes` has the judge's P(yes) of all of them.

    `item_ids` are the items that the run set out to make (None: the whole suite). `failures` maps items whose
    generation or judging failed to the reason, `missing` those whose images aren't there, `never_asked` those that
    the program behind imported answers never asks all questions of (`ImportedAnswers.never_asked`). Answers to items
    not expected are not looked at. `answered` says where the answers lie and how they were read; `statistics` how
    intervals are computed (None: 95 %, 9,999 resamples, seed 0).

    Raises BadInputError for an item that the suite doesn't have, a suite without questions, or one with a
    level-2 category under two level-1 categories.
    """
    if not suite.question_count:
        raise BadInputError(
            f"The suite '{suite.name}' ({suite.source}) has prompts but no questions, so there is nothing to score. "
            f"Name a suite with questions: {option('suite', 'dpg-bench')}, or a CSV in its form."
        )
    chosen = [prompt.item_id for prompt in expected_prompts(suite, item_ids)]
    official = official_scores(
        suite,
        answers,
        images_per_prompt=run.images_per_prompt,
        item_ids=chosen,
        failures=failures,
        missing=missing,
    )
    corrected = corrected_scores(
        suite,
        answers,
        images_per_prompt=run.images_per_prompt,
        item_ids=chosen,
        failures=failures,
        missing=missing,
        never_asked=never_asked,
    )
    statistics = statistics or StatisticsCard()
    partial = f"{len(chosen)} of {len(suite.prompts)} prompts" if len(chosen) < len(suite.prompts) else None
    return Scorecard(
        suite=SuiteCard(
            name=suite.name,
            source=suite.source,
            digest=suite.digest,
            prompts=len(suite.prompts),
            questions=suite.question_count,
            mended=tuple(recorded(suite.mends)),
        ),
        judge=judge,
        run=run,
        statistics=statistics,
        protocols={
            name: _protocol_card(suite, result, partial=partial, allow_missing=run.allow_missing, statistics=statistics)
            for name, result in {OFFICIAL: official, CORRECTED: corrected}.items()
        },
        soft=_soft_card(
            soft_scores(
                [suite.by_id[item.item_id] for item in corrected.items],
                p_yes or {},
                images_per_prompt=run.images_per_prompt,
            ),
            shown=corrected.complete or run.allow_missing,
            statistics=statistics,
        ),
        products=_product_cards(suite, corrected, p_yes or {}, run=run, statistics=statistics),
        answers=answer_bits(
            suite,
            answers,
            [item.item_id for item in corrected.items],
            images_per_prompt=run.images_per_prompt,
        ),
        answered=answered,
    )


def _protocol_card(
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


def _soft_card(scores: ItemScores | None, *, shown: bool, statistics: StatisticsCard) -> SoftCard | None:
    if scores is None or not scores.item_ids:
        return None
    intervals = _intervals(scores, statistics)
    return SoftCard(
        overall=scores.overall if shown else None,
        interval=intervals["overall"] if shown else None,
        prompts_scored=len(scores.item_ids),
        l1=_soft_categories(scores.l1, intervals, "l1 ", images=scores.images.shape[1]),
        l2=_soft_categories(scores.l2, intervals, "l2 ", images=scores.images.shape[1]),
    )


def _product_cards(
    suite: Suite, corrected: ProtocolResult, p_yes: PYesTable, *, run: RunCard, statistics: StatisticsCard
) -> dict[Literal["official", "corrected"], ProductCard] | None:
    prompts = [suite.by_id[item.item_id] for item in corrected.items]
    if not is_compbench(suite) or not prompts:
        return None
    shown = corrected.complete or run.allow_missing
    found: dict[Literal["official", "corrected"], ProductCard] = {}
    for protocol in ("official", "corrected"):
        images = product_scores(prompts, p_yes, images_per_prompt=run.images_per_prompt, protocol=protocol)
        if images is None:
            return None
        means = images.mean(axis=1, keepdims=True)
        (interval,) = ratio_intervals(
            means,
            np.ones_like(means),
            seed=statistics.seed,
            confidence=statistics.confidence,
            resamples=statistics.resamples,
        )
        sd = image_sd(images)
        found[protocol] = ProductCard(
            overall=float(means.mean()) if shown else None,
            interval=_interval_card(interval) if shown else None,
            image_sd=round(sd, _DECIMALS) if sd is not None and shown else None,
            prompts_scored=len(prompts),
        )
    return found


def _soft_categories(
    categories: Mapping[str, Tallies], intervals: Mapping[str, IntervalCard | None], level: str, *, images: int
) -> dict[str, CategoryCard]:
    return {
        name: CategoryCard(
            score=one.score,
            interval=intervals[level + name],
            prompts=int(np.count_nonzero(one.answers)),
            questions=int(one.answers.sum()) // images,
        )
        for name, one in categories.items()
    }


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
