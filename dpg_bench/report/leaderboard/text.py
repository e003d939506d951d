"""A leaderboard for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

from rich.console import Console

from dpg_bench.report.audit.arithmetic import decimals
from dpg_bench.report.leaderboard.entry import Score
from dpg_bench.report.leaderboard.result import Leaderboard, Ranked, Ranking
from dpg_bench.report.markdown import escaped, markdown_table
from dpg_bench.report.rows import CATEGORIES
from dpg_bench.report.terminal import Column, Row, say, show_table

_HEADINGS = ("rank", "model", "overall", "95 %", *CATEGORIES, "prompts", "kind")
_WORDS = ("model", "kind")
_DECIMALS = 2
_AS_CLAIMED = (
    "Published numbers stand as claimed. Most sources name neither protocol nor judge, so they are taken for the "
    "official script's; most of their category scores can't be right (`dpgbench audit --published`)."
)


def print_leaderboard(board: Leaderboard, console: Console) -> None:
    """Print every ranking, and what must be known before quoting one; categories only where they fit."""
    columns = [Column(name, number=name not in _WORDS) for name in _HEADINGS]
    spared = False
    for ranking in board.rankings:
        say(console, _title(ranking), "bold")
        rows = [Row(list(_cells(place).values())) for place in ranking.places]
        spared |= bool(show_table(console, columns, rows, spare=CATEGORIES[::-1]))
        console.print()
    if spared:
        say(console, "All categories are in --markdown, --csv, and a wider terminal.")
    for note in _notes(board):
        say(console, note)


def leaderboard_to_markdown(board: Leaderboard) -> str:
    """Every ranking as a Markdown table below its title."""
    lines = []
    for ranking in board.rankings:
        lines += [f"### {escaped(_title(ranking))}", ""]
        lines += markdown_table(_HEADINGS, [list(_cells(place).values()) for place in ranking.places], left=_WORDS)
        lines.append("")
    lines += [f"{escaped(note)}\n" for note in _notes(board)]
    return "\n".join(lines).rstrip() + "\n"


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
