"""A leaderboard as CSV."""

from __future__ import annotations

from dpg_bench.report.csv_text import csv_text
from dpg_bench.report.leaderboard.entry import Entry
from dpg_bench.report.leaderboard.result import Leaderboard
from dpg_bench.report.rows import CATEGORIES

CSV_COLUMNS = (
    *("rank", "model", "overall", "low", "high", *CATEGORIES, "prompts", "images_per_prompt", "protocol", "judge"),
    *("suite", "steps", "guidance", "size", "prompt_rewriting", "kind", "source", "date"),
)


def leaderboard_to_csv(board: Leaderboard) -> str:
    """One row per ranked result, with a header; an empty cell is for unknown.

    A rank counts within the rows of the same protocol, suite and judge. Measured scores have all their digits,
    published ones those they were printed with.
    """
    return csv_text(
        CSV_COLUMNS,
        (
            {
                **{name: getattr(place.entry, name) for name in CSV_COLUMNS if name in Entry.__slots__},
                **{name: place.entry.categories.get(name) for name in CATEGORIES},
                **{name: getattr(ranking, name) for name in ("protocol", "judge", "suite")},
                "rank": place.rank,
                "prompt_rewriting": {True: "yes", False: "no", None: None}[place.entry.prompt_rewriting],
            }
            for ranking in board.rankings
            for place in ranking.places
        ),
    )
