"""A leaderboard → the text of its page, which works without its script and asks for nothing but its own files."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dpg_bench import __version__
from dpg_bench.errors import on_command_line
from dpg_bench.report.audit.result import ResultAudit
from dpg_bench.report.leaderboard.entry import Entry
from dpg_bench.report.leaderboard.result import Leaderboard, Ranking
from dpg_bench.report.leaderboard.text import board_notes
from dpg_bench.report.page.html import page_asset, page_templates
from dpg_bench.report.plain_text import without_home
from dpg_bench.report.published import PublishedResult
from dpg_bench.report.rows import CATEGORIES
from dpg_bench.report.runs import JudgedRun
from dpg_bench.report.site.intervals import HEIGHT, WIDTH, Scale, common_scale
from dpg_bench.report.site.shown_rows import Group, SiteRow, public_text, site_row

STYLE, SCRIPT = "leaderboard.css", "leaderboard.js"
_PACKAGE = "dpg_bench.report.site"
_SUITE = "dpg-bench"  # the one whose published categories are audited
_GROUPS: Mapping[Group, str] = {"run": "measured runs", "claim": "published claims", "reproduction": "reproductions"}


@dataclass(frozen=True, slots=True)
class Board:
    """A ranking as the page shows it; `address` names it in links."""

    address: str
    tab: str
    protocol: str
    scale: Scale
    has_gaps: bool
    rows: tuple[SiteRow, ...]


def leaderboard_to_html(
    board: Leaderboard, *, audits: Mapping[int, ResultAudit], reports: Mapping[str, str], title: str
) -> str:
    """The page: `audits` are of the published results, by their row, `reports` the addresses of runs' pages, by run.

    Whatever comes from a run or a table is escaped, and the page's own policy forbids it to do anything.
    """
    boards = _boards(board, audits, reports)
    groups = {row.group for one in boards for row in one.rows}
    return (
        page_templates(_PACKAGE)
        .get_template("site.html.j2")
        .render(
            version=__version__,
            title=title,
            style=STYLE,
            script=SCRIPT,
            boards=boards,
            categories=CATEGORIES,
            groups=[(group, words) for group, words in _GROUPS.items() if group in groups],
            counts=_counts(board),
            notes=[without_home(on_command_line(note)) for note in board_notes(board)],
            width=WIDTH,
            height=HEIGHT,
        )
    )


def site_assets() -> dict[str, bytes]:
    """The page's style and script, by the names that it asks for."""
    style = page_asset("palette.css") + page_asset("site.css", _PACKAGE)
    return {STYLE: style.encode(), SCRIPT: page_asset("site.js", _PACKAGE).encode()}


def run_key(run: JudgedRun) -> str:
    """What tells a run's judgement from all others."""
    return str(run.file.resolve())


def _boards(board: Leaderboard, audits: Mapping[int, ResultAudit], reports: Mapping[str, str]) -> tuple[Board, ...]:
    addresses: list[str] = []
    boards = []
    for ranking in board.rankings:
        scale = common_scale([*(place.entry for place in ranking.places), *ranking.incomplete])
        ranked: Sequence[tuple[Entry, int | None, bool]] = [
            *((place.entry, place.rank, place.tied) for place in ranking.places),
            *((entry, None, False) for entry in ranking.incomplete),
        ]
        rows = tuple(
            site_row(
                entry,
                rank,
                scale,
                tied=tied,
                audit=_audit_of(entry, ranking, audits),
                report=reports.get(run_key(entry.origin)) if isinstance(entry.origin, JudgedRun) else None,
            )
            for entry, rank, tied in ranked
        )
        address = _address(ranking, addresses)
        addresses.append(address)
        boards.append(
            Board(
                address=address,
                tab=f"{public_text(ranking.suite)}, judge {public_text(ranking.judge)}",
                protocol=ranking.protocol,
                scale=scale,
                has_gaps=any(row.gap.text for row in rows),
                rows=rows,
            )
        )
    return tuple(boards)


def _audit_of(entry: Entry, ranking: Ranking, audits: Mapping[int, ResultAudit]) -> ResultAudit | None:
    result = entry.origin
    return audits.get(result.row) if isinstance(result, PublishedResult) and ranking.suite == _SUITE else None


def _address(ranking: Ranking, taken: Sequence[str]) -> str:
    words = f"{ranking.suite} {ranking.judge} {ranking.protocol}".lower()
    address = re.sub(r"[^a-z0-9]+", "-", words).strip("-")
    return address if address not in taken else f"{address}-{len(taken)}"


def _counts(board: Leaderboard) -> str:
    origins = {
        id(entry.origin): entry
        for ranking in board.rankings
        for entry in (*(place.entry for place in ranking.places), *ranking.incomplete)
    }
    kinds = [entry.kind for entry in origins.values()]
    told = {
        "measured run": kinds.count("run"),
        "published claim": kinds.count("original") + kinds.count("quoted"),
        "reproduction": kinds.count("reproduction"),
    }
    return ", ".join(f"{count} {word}{'' if count == 1 else 's'}" for word, count in told.items() if count)
