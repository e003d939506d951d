"""A leaderboard as data: CSV and JSON."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from dpg_bench.report.csv_form import csv_text
from dpg_bench.report.leaderboard.entry import Entry
from dpg_bench.report.leaderboard.result import Leaderboard, Ranking
from dpg_bench.report.rows import CATEGORIES

LEADERBOARD_SCHEMA = 1
CSV_COLUMNS = (
    *("rank", "model", "overall", "low", "high", *CATEGORIES, "prompts", "prompts_expected", "complete"),
    *("images_per_prompt", "protocol", "judge", "suite", "steps", "guidance", "size", "prompt_rewriting", "kind"),
    *("reproduces", "published", "published_minus_reproduced", "source", "date", "texts"),
)


def leaderboard_to_csv(board: Leaderboard) -> str:
    """One row per result, with a header; an empty cell is for unknown, an empty rank for an incomplete result.

    A rank counts within the rows of the same protocol, suite and judge. Measured scores have all their digits,
    published ones those they were printed with.
    """
    return csv_text(
        CSV_COLUMNS,
        (
            {
                **{name: getattr(entry, name) for name in CSV_COLUMNS if hasattr(entry, name)},
                **{name: entry.categories.get(name) for name in CATEGORIES},
                **{name: getattr(ranking, name) for name in ("protocol", "judge", "suite")},
                "rank": rank,
                "complete": "yes" if entry.complete else "no",
                "prompt_rewriting": {True: "yes", False: "no", None: None}[entry.prompt_rewriting],
            }
            for ranking in board.rankings
            for rank, entry in _entries(ranking)
        ),
    )


def leaderboard_to_json(board: Leaderboard) -> dict[str, Any]:
    """Every ranking with its results; published scores are text, with the digits they were printed with."""
    return {
        "schema": LEADERBOARD_SCHEMA,
        "rankings": [
            {
                **{name: getattr(ranking, name) for name in ("protocol", "suite", "judge")},
                "results": [_result(entry, rank) for rank, entry in _entries(ranking)],
            }
            for ranking in board.rankings
        ],
        "left_out": [{"source": one.source, "reason": one.reason} for one in board.left_out],
        "warnings": list(board.warnings),
    }


def _entries(ranking: Ranking) -> Iterator[tuple[int | None, Entry]]:
    yield from ((place.rank, place.entry) for place in ranking.places)
    yield from ((None, entry) for entry in ranking.incomplete)


def _result(entry: Entry, rank: int | None) -> dict[str, Any]:
    names = (*Entry.__slots__, "published_minus_reproduced")
    values = {name: getattr(entry, name) for name in names if name not in ("categories", "origin")}
    scores = {name: _plain(score) for name, score in entry.categories.items()}
    return {"rank": rank, **{name: _plain(value) for name, value in values.items()}, "categories": scores}


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value
