"""Comparisons as data: JSON and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dpg_bench.report.compare.result import Comparison, PairedScore
from dpg_bench.report.csv_form import csv_text
from dpg_bench.report.questions import QuestionTexts
from dpg_bench.report.runs import JudgedRun, Protocol

COMPARISON_SCHEMA = 2
CSV_COLUMNS = (
    *("first", "second", "protocol", "level", "category", "first_score", "second_score", "difference", "low", "high"),
    *("p_value", "detectable", "prompts", "clear", "first_extent", "second_extent", "first_texts", "second_texts"),
)


def comparisons_to_json(comparisons: Sequence[Comparison], texts: QuestionTexts, *, top: int) -> dict[str, Any]:
    """All runs held against the first, with the `top` items and questions that changed most."""
    return {
        "schema": COMPARISON_SCHEMA,
        "protocol": comparisons[0].protocol,
        "confidence": comparisons[0].confidence,
        "comparisons": [
            {
                "first": _run(one.first, one.protocol),
                "second": _run(one.second, one.protocol),
                "prompts": one.prompts,
                "remarks": list(one.remarks),
                "scores": [_score(score) for score in one.scores],
                "other_protocol": None if one.other is None else {"protocol": one.other_protocol, **_score(one.other)},
                "settings": None
                if one.settings is None
                else [{"name": found.name, "first": found.before, "second": found.now} for found in one.settings],
                "items_changed": len(one.items),
                "items": [
                    {"item_id": item.item_id, "first": item.first, "second": item.second} for item in one.items[:top]
                ],
                "questions_changed": len(one.questions),
                "questions": [
                    {
                        "item_id": question.item_id,
                        "proposition_id": question.proposition_id,
                        "question": texts.get((question.item_id, question.proposition_id)),
                        "first_yes": question.first,
                        "second_yes": question.second,
                    }
                    for question in one.questions[:top]
                ],
            }
            for one in comparisons
        ],
    }


def comparisons_to_csv(comparisons: Sequence[Comparison]) -> str:
    """One row per comparison and score, with a header; what isn't known is an empty cell.

    The overall score under the other protocol is the last row. The extents say how much of the suite each run has
    scored where that isn't all.
    """
    return csv_text(
        CSV_COLUMNS,
        (
            {
                "first": one.first.name,
                "second": one.second.name,
                "protocol": protocol,
                "first_extent": one.first.extent(protocol),
                "second_extent": one.second.extent(protocol),
                "first_texts": one.first.rewriting,
                "second_texts": one.second.rewriting,
                **_score(score),
            }
            for one in comparisons
            for protocol, score in [
                *((one.protocol, score) for score in one.scores),
                *([(one.other_protocol, one.other)] if one.other is not None else []),
            ]
        ),
    )


def _run(run: JudgedRun, protocol: Protocol) -> dict[str, Any]:
    scores = run.protocol(protocol)
    return {
        "name": run.name,
        "model": run.card.run.model,
        "judge": run.card.judge.name,
        "texts": run.rewriting or None,
        "complete": scores.complete,
        "prompts_scored": scores.prompts_scored,
        "prompts_expected": scores.prompts_expected,
        "prompts_in_suite": run.card.suite.prompts,
    }


def _score(score: PairedScore) -> dict[str, Any]:
    number, paired = score.number, score.paired
    interval = paired.interval
    return {
        "level": number.row.level,
        "category": number.row.name,
        "first_score": number.first,
        "second_score": number.second,
        "difference": paired.value,
        "low": None if interval is None else interval.low,
        "high": None if interval is None else interval.high,
        "p_value": paired.p_value,
        "detectable": None if paired.prompts < 2 else paired.detectable,
        "prompts": paired.prompts,
        "clear": paired.clear,
    }
