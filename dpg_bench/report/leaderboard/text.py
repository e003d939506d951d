"""A leaderboard for the terminal and as Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from rich.console import Console

from dpg_bench.errors import on_command_line
from dpg_bench.report.audit.arithmetic import decimals
from dpg_bench.report.leaderboard.entry import Entry, Score
from dpg_bench.report.leaderboard.result import Leaderboard, Ranking
from dpg_bench.report.markdown import escaped, escaped_words, markdown_table
from dpg_bench.report.paper import bibliography, latex, latex_document, latex_table, methods
from dpg_bench.report.rows import CATEGORIES
from dpg_bench.report.runs import JudgedRun
from dpg_bench.report.terminal import Column, Row, say, show_table

_GAP = "published - this"
_TEXTS = "texts"
_HEADINGS = ("rank", "model", "overall", "95 %", _GAP, *CATEGORIES, "prompts", _TEXTS, "kind")
_WORDS = ("model", _TEXTS, "kind")
_UNRANKED = "-"
_DECIMALS = 2
_AS_CLAIMED = (
    "Published numbers stand as claimed. Most sources name neither protocol nor judge, so they are taken for the "
    "official script's; most of their category scores can't be right (`dpgbench audit --published`)."
)

_REPRODUCED = (
    "Reproductions were measured by others than the authors; published - this is by how many points the claim lies "
    "above what they found, and what differs between the two (sampler, resolution, checkpoint) is seldom told."
)


def print_leaderboard(board: Leaderboard, console: Console) -> None:
    """Print every ranking, and what must be known before quoting one; categories only where they fit."""
    spared = False
    for ranking in board.rankings:
        say(console, ranking_title(ranking), "bold")
        lines = _rows(ranking)
        known = [place for place, _ in enumerate(_HEADINGS) if any(cells[place] for cells in lines)]
        columns = [Column(_HEADINGS[place], number=_HEADINGS[place] not in _WORDS) for place in known]
        rows = [Row([c[place] for place in known], "dim" if c[0] == _UNRANKED else "") for c in lines]
        spare = [name for name in CATEGORIES[::-1] if _HEADINGS.index(name) in known]
        spared |= bool(show_table(console, columns, rows, spare=spare))
        console.print()
    if spared:
        say(console, "All categories are in --markdown, --csv, and a wider terminal.")
    for note in board_notes(board):
        say(console, note)


def leaderboard_to_markdown(board: Leaderboard) -> str:
    """Every ranking as a Markdown table below its title."""
    lines = []
    for ranking in board.rankings:
        lines += [f"### {escaped(ranking_title(ranking))}", ""]
        lines += markdown_table(*_known(ranking), left=_WORDS)
        lines.append("")
    lines += [f"{escaped_words(note)}\n" for note in board_notes(board)]
    return "\n".join(lines).rstrip() + "\n"


def leaderboard_to_latex(board: Leaderboard, runs: Sequence[JudgedRun] = ()) -> str:
    """Every ranking as a LaTeX table; for `runs`, sentences on the method of the first, and BibTeX as comments."""
    lines = []
    for ranking in board.rankings:
        lines += [f"% {latex(ranking_title(ranking))}", *latex_table(*_known(ranking), left=_WORDS), ""]
    sentences = [*board_notes(board), *(methods(runs[0], ["official", "corrected"]) if runs else ())]
    return latex_document(lines, sentences, bibliography(runs))


def ranking_title(ranking: Ranking) -> str:
    """What all its results share."""
    return f"{ranking.suite}, judge {ranking.judge}, {ranking.protocol} protocol"


def _known(ranking: Ranking) -> tuple[list[str], list[list[str]]]:
    """Headings and rows; the gap between published and reproduced scores stands only where there is one."""
    rows = _rows(ranking)
    places = [
        place for place, name in enumerate(_HEADINGS) if name not in (_GAP, _TEXTS) or any(row[place] for row in rows)
    ]
    return [_HEADINGS[place] for place in places], [[row[place] for place in places] for row in rows]


def _rows(ranking: Ranking) -> list[list[str]]:
    """The cells of every line in the order of the headings: those with a rank, then the incomplete."""
    ranked = [_cells(place.entry, f"{'=' if place.tied else ''}{place.rank}") for place in ranking.places]
    return ranked + [_cells(entry, _UNRANKED) for entry in ranking.incomplete]


def _cells(entry: Entry, rank: str) -> list[str]:
    cells = {
        "rank": rank,
        "model": entry.model if entry.name == entry.model else f"{entry.model} ({entry.name})",
        "overall": score_text(entry.overall),
        "95 %": interval_text(entry),
        _GAP: f"{gap:+.{_DECIMALS}f}" if (gap := entry.published_minus_reproduced) is not None else "",
        **{name: score_text(entry.categories.get(name)) for name in CATEGORIES},
        "prompts": prompts_text(entry),
        _TEXTS: entry.texts,
        "kind": entry.kind if entry.complete else f"{entry.kind}, incomplete",
    }
    return [cells[heading] for heading in _HEADINGS]


def interval_text(entry: Entry) -> str:
    """The bounds of the 95 % interval; empty without one."""
    if entry.low is None or entry.high is None:
        return ""
    return "no spread" if entry.low == entry.high else f"{score_text(entry.low)}-{score_text(entry.high)}"


def prompts_text(entry: Entry) -> str:
    """How many prompts are behind the score, and of how many if some are missing; empty if that is unknown."""
    if entry.prompts is None:
        return ""
    return str(entry.prompts) if entry.complete else f"{entry.prompts} of {entry.prompts_expected}"


def score_text(score: Score | None) -> str:
    """With two decimals, or the fewer that it was printed with; empty for None."""
    if score is None:
        return ""
    few_digits = isinstance(score, Decimal) and decimals(score) < _DECIMALS
    return str(score) if few_digits else f"{score:.{_DECIMALS}f}"


def board_notes(board: Leaderboard) -> Iterator[str]:
    """What must be known before quoting a rank."""
    entries = [place.entry for ranking in board.rankings for place in ranking.places]
    if any(place.tied for ranking in board.rankings for place in ranking.places):
        yield (
            "= shares its rank: a rank is one more than the number of results that are clearly better, which for runs "
            "means that the 95 % interval of the paired difference excludes zero."
        )
    if any(ranking.incomplete for ranking in board.rankings):
        yield (
            "Incomplete results have no rank: the prompts that are missing may be the hard ones. `dpgbench run` and "
            "`dpgbench score` continue where they stopped."
        )
    if any(entry.kind != "run" for entry in entries):
        yield _AS_CLAIMED
    if any(entry.texts for entry in (*entries, *(one for ranking in board.rankings for one in ranking.incomplete))):
        yield "texts: who rewrote the prompts that were drawn from. What rewriting adds is the rewriter's."
    if any(entry.published is not None for entry in entries):
        yield _REPRODUCED
    for one in board.left_out:
        yield f"Left out: {one.source}: {on_command_line(one.reason)}"
    for warning in board.warnings:
        yield f"Warning: {warning}"
