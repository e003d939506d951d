"""Answers → scorecard: the one entry to scoring that the command line and the Python API share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from dpg_bench.errors import BadInputError
from dpg_bench.records import AnswerTable, Suite
from dpg_bench.score.item_columns import answer_bits
from dpg_bench.score.protocol_card import protocol_card
from dpg_bench.score.protocols.base import expected_prompts
from dpg_bench.score.protocols.corrected import corrected_scores
from dpg_bench.score.protocols.official import official_scores
from dpg_bench.score.scorecard import JudgeCard, ProtocolCards, RunCard, Scorecard, StatisticsCard, SuiteCard


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
    statistics: StatisticsCard | None = None,
) -> Scorecard:
    """Score `answers` under both protocols.

    `item_ids` are the items that the run set out to make (None: the whole suite). `failures` maps items whose
    generation or judging failed to the reason, `missing` those whose images aren't there, `never_asked` those that
    the program behind imported answers never asks all questions of (`ImportedAnswers.never_asked`). Answers to items
    not expected are not looked at. `statistics` says how intervals are computed (None: 95 %, 9,999 resamples, seed 0).

    Raises BadInputError for an item that the suite doesn't have, a suite without questions, or one with a
    level-2 category under two level-1 categories.
    """
    if not suite.question_count:
        raise BadInputError(
            f"The suite '{suite.name}' ({suite.source}) has prompts but no questions, so there is nothing to score. "
            "Name a suite with questions: --suite dpg-bench, or a CSV in its form."
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
        ),
        judge=judge,
        run=run,
        statistics=statistics,
        protocols=ProtocolCards(
            official=protocol_card(
                suite, official, partial=partial, allow_missing=run.allow_missing, statistics=statistics
            ),
            corrected=protocol_card(
                suite, corrected, partial=partial, allow_missing=run.allow_missing, statistics=statistics
            ),
        ),
        answers=answer_bits(
            suite,
            answers,
            [item.item_id for item in corrected.items],
            images_per_prompt=run.images_per_prompt,
        ),
    )
