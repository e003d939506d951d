"""A scorecard's numbers as CSV: one row per protocol and score."""

from __future__ import annotations

from dpg_bench.report.csv_form import csv_text
from dpg_bench.report.rows import score_rows
from dpg_bench.score.scorecard import Scorecard

CSV_COLUMNS = (
    *("model", "suite", "judge", "images_per_prompt", "protocol", "level", "category", "score", "low", "high"),
    *("prompts", "prompts_expected", "prompts_in_suite", "questions"),
)


def scorecard_to_csv(card: Scorecard) -> str:
    """The table of `card` as CSV with a header. A score over no questions, or withheld, is an empty cell.

    `low` and `high` bound the score's confidence interval, and are empty where there is none. `level` is 0 for the
    overall score; scores have all their digits, 0 to 100.
    """
    rows = list(score_rows(card))
    return csv_text(
        CSV_COLUMNS,
        (
            {
                "model": card.run.model,
                "suite": card.suite.name,
                "judge": card.judge.name,
                "images_per_prompt": card.run.images_per_prompt,
                "protocol": protocol,
                "level": row.level,
                "category": row.name,
                "score": row.cards[protocol].score,
                "low": interval.low if (interval := row.cards[protocol].interval) else None,
                "high": interval.high if interval else None,
                "prompts": row.cards[protocol].prompts,
                "prompts_expected": card[protocol].prompts_expected,
                "prompts_in_suite": card.suite.prompts,
                "questions": row.cards[protocol].questions,
            }
            for protocol in ("corrected", "official")
            for row in rows
        ),
    )
