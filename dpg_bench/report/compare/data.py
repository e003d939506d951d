"""Comparisons as data: JSON and CSV."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dpg_bench.report.compare.result import Comparison, PairedScore
from dpg_bench.report.csv_text import csv_text
from dpg_bench.report.question_texts import QuestionTexts
from dpg_bench.report.runs import JudgedRun

COMPARISON_SCHEMA = 1
CSV_COLUMNS = (
    *("first", "second", "protocol", "level", "category", "first_score", "second_score", "difference", "low", "high"),
    *("p_value", "detectable", "prompts", "clear"),
)


def comparisons_to_json(comparisons: Sequence[Comparison], texts: QuestionTexts, *, top: int) -> dict[str, Any]:
    """All runs held against the first, with the `top` items and questions that changed most."""
    return {
        "schema": COMPARISON_SCHEMA,
        "protocol": comparisons[0].protocol,
        "confidence": comparisons[0].confidence,
        "comparisons": [
            {
                "first": _run(one.first),
                "second": _run(one.second),
                "prompts": one.prompts,
                "remarks": list(one.remarks),
                "scores": [_score(score) for score in one.scores],
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
    """One row per comparison and score, with a header; what isn't known is an empty cell."""
    return csv_text(
        CSV_COLUMNS,
        (
            {"first": one.first.name, "second": one.second.name, "protocol": one.protocol, **_score(score)}
            for one in comparisons
            for score in one.scores
        ),
    )


def _run(run: JudgedRun) -> dict[str, Any]:
    return {"name": run.name, "model": run.card.run.model, "judge": run.card.judge.name}


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
