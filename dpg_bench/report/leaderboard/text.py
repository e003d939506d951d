"""A leaderboard as a terminal table, Markdown and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from decimal import Decimal

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dpg_bench.report.audit.arithmetic import decimals
from dpg_bench.report.leaderboard.entry import Entry, Score
from dpg_bench.report.leaderboard.result import Leaderboard, Ranked, Ranking
from dpg_bench.report.published import CATEGORIES

CSV_COLUMNS = (
    *("rank", "model", "overall", "low", "high", *CATEGORIES, "prompts", "images_per_prompt", "protocol", "judge"),
    *("suite", "steps", "guidance", "size", "prompt_rewriting", "kind", "source", "date"),
)

_HEADINGS = ("rank", "model", "overall", "95 %", *CATEGORIES, "prompts", "kind")
_DECIMALS = 2
_WIDTH_FOR_CATEGORIES = 110
_AS_CLAIMED = (
    "Published numbers stand as claimed. Most sources name neither protocol nor judge, so they are taken for the "
    "official script's; most of their category scores can't be right (`dpgbench audit --published`)."
)


def print_leaderboard(board: Leaderboard, console: Console) -> None:
    """Print every ranking, and what must be known before quoting one; categories only where they fit."""
    headings = [name for name in _HEADINGS if name not in CATEGORIES or console.width >= _WIDTH_FOR_CATEGORIES]
    for ranking in board.rankings:
        console.print(Text(_title(ranking), style="bold"), soft_wrap=True)
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
        for heading in headings:
            if heading == "model":
                table.add_column(heading, overflow="fold")
            else:
                table.add_column(heading, justify="left" if heading == "kind" else "right", no_wrap=True)
        for place in ranking.places:
            cells = _cells(place)
            table.add_row(*(Text(cells[heading]) for heading in headings))
        console.print(table)
        console.print()
    if len(headings) < len(_HEADINGS):
        console.print(Text("The categories are in --markdown, --csv, and a wider terminal."), soft_wrap=True)
    for note in _notes(board):
        console.print(Text(note), soft_wrap=True)


def leaderboard_to_markdown(board: Leaderboard) -> str:
    """Every ranking as a Markdown table below its title."""
    lines = []
    for ranking in board.rankings:
        lines += [f"### {_escaped(_title(ranking))}", ""]
        lines += ["| " + " | ".join(_HEADINGS) + " |", "|--:|:--|" + "--:|" * (len(_HEADINGS) - 3) + ":--|"]
        lines += ["| " + " | ".join(map(_escaped, _cells(place).values())) + " |" for place in ranking.places]
        lines.append("")
    lines += [f"{_escaped(note)}\n" for note in _notes(board)]
    return "\n".join(lines).rstrip() + "\n"


def leaderboard_to_csv(board: Leaderboard) -> str:
    """One row per ranked result, with a header; an empty cell is for unknown.

    A rank counts within the rows of the same protocol, suite and judge. Measured scores have all their digits,
    published ones those they were printed with.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for ranking in board.rankings:
        for place in ranking.places:
            entry = place.entry
            row = {
                **{name: getattr(entry, name) for name in CSV_COLUMNS if name in Entry.__slots__},
                **{name: entry.categories.get(name) for name in CATEGORIES},
                **{name: getattr(ranking, name) for name in ("protocol", "judge", "suite")},
                "rank": place.rank,
                "prompt_rewriting": {True: "yes", False: "no", None: None}[entry.prompt_rewriting],
            }
            writer.writerow(["" if row[name] is None else row[name] for name in CSV_COLUMNS])
    return text.getvalue()


def _title(ranking: Ranking) -> str:
    return f"{ranking.suite}, judge {ranking.judge}, {ranking.protocol} protocol"


def _cells(place: Ranked) -> dict[str, str]:
    """The cells of a line by heading, in the order of the headings."""
    entry = place.entry
    return {
        "rank": f"{'=' if place.tied else ''}{place.rank}",
        "model": entry.model if entry.name == entry.model else f"{entry.model} ({entry.name})",
        "overall": _score(entry.overall),
        "95 %": "" if entry.low is None or entry.high is None else f"{_score(entry.low)}-{_score(entry.high)}",
        **{name: _score(entry.categories.get(name)) for name in CATEGORIES},
        "prompts": "" if entry.prompts is None else str(entry.prompts),
        "kind": entry.kind,
    }


def _score(score: Score | None) -> str:
    if score is None:
        return ""
    few_digits = isinstance(score, Decimal) and decimals(score) < _DECIMALS
    return str(score) if few_digits else f"{score:.{_DECIMALS}f}"


def _notes(board: Leaderboard) -> Iterator[str]:
    entries = [place.entry for ranking in board.rankings for place in ranking.places]
    if any(place.tied for ranking in board.rankings for place in ranking.places):
        yield (
            "= shares its rank: a rank is one more than the number of results that are clearly better, which for runs "
            "means that the 95 % interval of the paired difference excludes zero."
        )
    if any(entry.kind != "run" for entry in entries):
        yield _AS_CLAIMED
    for one in board.left_out:
        yield f"Left out: {one.source}: {one.reason}."
    for warning in board.warnings:
        yield f"Warning: {warning}"


def _escaped(text: str) -> str:
    for mark in "\\`*_[]<>|~#":
        text = text.replace(mark, f"\\{mark}")
    return " ".join(text.split())
