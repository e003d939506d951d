"""A scorecard's numbers as CSV: one row per protocol and score."""

from __future__ import annotations

import csv
import io

from dpg_bench.report.scorecard.text import score_rows
from dpg_bench.score.scorecard import Scorecard

CSV_COLUMNS = (
    "model",
    "suite",
    "judge",
    "images_per_prompt",
    "protocol",
    "level",
    "category",
    "score",
    "low",
    "high",
    "prompts",
    "prompts_expected",
    "prompts_in_suite",
    "questions",
)


def scorecard_to_csv(card: Scorecard) -> str:
    """The table of `card` as CSV with a header. A score over no questions, or withheld, is an empty cell.

    `low` and `high` bound the score's confidence interval, and are empty where there is none. `level` is 0 for the
    overall score; scores have all their digits, 0 to 100.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for protocol in ("corrected", "official"):
        expected = getattr(card.protocols, protocol).prompts_expected
        for row in score_rows(card):
            side = row.corrected if protocol == "corrected" else row.official
            writer.writerow(
                [
                    card.run.model or "",
                    card.suite.name,
                    card.judge.name,
                    card.run.images_per_prompt,
                    protocol,
                    row.level,
                    row.name,
                    "" if side.score is None else side.score,
                    "" if side.interval is None else side.interval.low,
                    "" if side.interval is None else side.interval.high,
                    side.prompts,
                    expected,
                    card.suite.prompts,
                    side.questions,
                ]
            )
    return text.getvalue()
