"""What `leaderboard --site` writes: the page, its numbers as CSV and JSON, and every run's own page."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from dpg_bench.errors import BadInputError
from dpg_bench.files.item_names import file_stem
from dpg_bench.files.outputs import write_outputs
from dpg_bench.report.audit.counts import QuestionCounts
from dpg_bench.report.audit.result import ResultAudit, audit_results
from dpg_bench.report.leaderboard.data import leaderboard_to_csv, leaderboard_to_json
from dpg_bench.report.leaderboard.result import Leaderboard
from dpg_bench.report.page import standalone_page
from dpg_bench.report.page.shown_runs import LoadSuite
from dpg_bench.report.plain_text import without_home
from dpg_bench.report.published import PublishedResult
from dpg_bench.report.runs import JudgedRun
from dpg_bench.report.site.html import leaderboard_to_html, run_key, site_assets

_TITLE = "DPG-Bench leaderboard"


@dataclass(frozen=True, slots=True)
class WrittenSite:
    """The page, its folder's size in bytes, how many runs have a page of their own, and why others have none."""

    page: Path
    size: int
    reports: int
    without_report: tuple[str, ...]


def write_site(
    folder: Path,
    board: Leaderboard,
    runs: Sequence[JudgedRun],
    *,
    counts: QuestionCounts,
    load_suite: LoadSuite,
    force: bool,
) -> WrittenSite:
    """Write `board` as a page into `folder`, with a page of each of `runs`, their thumbnails in it.

    Files that are there already, byte for byte, are left alone.

    Raises BadInputError if a file is there and would change, without `force`; DpgBenchError if the disk is full.
    """
    reports: dict[str, str] = {}
    without: list[str] = []
    contents: dict[Path, bytes | Path] = {folder / ".nojekyll": b""}  # GitHub Pages then serves every name as it is
    for run in runs:
        try:
            content = standalone_page(run.file, load_suite=load_suite)
        except BadInputError as error:
            without.append(f"{run.name} has no page of its own: {error}")
            continue
        name = f"{file_stem(run.name)}-{file_stem(run.card.judge.name)}.html"
        if folder / "reports" / name in contents:
            name = f"{hashlib.sha256(run_key(run).encode()).hexdigest()[:8]}-{name}"
        contents[folder / "reports" / name] = without_home(content.decode()).encode()
        reports[run_key(run)] = quote(f"reports/{name}")
    page = folder / "index.html"
    contents |= {folder / name: content for name, content in site_assets().items()}
    contents[folder / "leaderboard.csv"] = without_home(leaderboard_to_csv(board)).encode()
    contents[folder / "leaderboard.json"] = (
        without_home(json.dumps(leaderboard_to_json(board), indent=1, ensure_ascii=False)) + "\n"
    ).encode()
    contents[page] = leaderboard_to_html(board, audits=_audits(board, counts), reports=reports, title=_TITLE).encode()
    write_outputs(contents, force=force)
    return WrittenSite(
        page=page,
        size=sum(path.stat().st_size for path in contents),
        reports=len(reports),
        without_report=tuple(without),
    )


def _audits(board: Leaderboard, counts: QuestionCounts) -> dict[int, ResultAudit]:
    origins = [place.entry.origin for ranking in board.rankings for place in ranking.places]
    published = [origin for origin in origins if isinstance(origin, PublishedResult)]
    if not published:
        return {}
    return {audit.result.row: audit for audit in audit_results(published, counts).results}
