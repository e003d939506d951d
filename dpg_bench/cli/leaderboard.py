"""`dpgbench leaderboard`: rank scored runs, if wanted among published results."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpg_bench.cli.console import say, show, show_json, terminal
from dpg_bench.cli.options import AllowDifferent, Csv, Force, Json, Latex, Markdown, check_one_form

if TYPE_CHECKING:
    from dpg_bench.records import Suite
    from dpg_bench.report.leaderboard.result import Leaderboard
    from dpg_bench.report.runs import JudgedRun


def leaderboard(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR]...", help="Folders that hold scored runs; runs/ by default.", show_default=False),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Rank the published results that ship with dpg-bench too.")
    ] = False,
    verified: Annotated[
        bool, typer.Option("--verified", help="Take only runs in which `dpgbench verify` finds no difference.")
    ] = False,
    allow_different: AllowDifferent = False,
    json: Json = False,
    markdown: Markdown = False,
    latex: Latex = False,
    csv: Csv = None,
    site: Annotated[
        Path | None,
        typer.Option(
            "--site",
            help="Write the rankings and the runs' reports into this folder too, as pages for any web server or none.",
            show_default=False,
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Rank scored runs by overall score, apart by protocol, suite and judge, with ties where the data can't tell."""
    from dpg_bench.files.outputs import write_output
    from dpg_bench.report.leaderboard.data import leaderboard_to_csv, leaderboard_to_json
    from dpg_bench.report.leaderboard.result import FoundRuns, find_runs, rank_runs
    from dpg_bench.report.leaderboard.text import leaderboard_to_latex, leaderboard_to_markdown, print_leaderboard
    from dpg_bench.report.leaderboard.verified import only_verified
    from dpg_bench.report.published import shipped_results

    check_one_form(json, markdown, latex)
    default = Path("runs")
    alone = published and not folders and not default.is_dir()
    found = FoundRuns() if alone else find_runs(folders or [default])
    if verified:
        found = only_verified(found)
    board = rank_runs(
        found.runs,
        published=shipped_results() if published else (),
        unusable=found.unusable,
        allow_different=allow_different,
    )
    if csv is not None:
        write_output(csv, leaderboard_to_csv(board).encode(), force=force)
        say(f"Written: {csv}")
    if site is not None:
        write_pages(site, board, found.runs, force=force)
    if json:
        show_json(leaderboard_to_json(board))
    elif markdown:
        show(leaderboard_to_markdown(board).rstrip())
    elif latex:
        show(leaderboard_to_latex(board, found.runs))
    else:
        print_leaderboard(board, terminal())


def write_pages(folder: Path, board: Leaderboard, runs: Sequence[JudgedRun], *, force: bool) -> None:
    """Write the site, and say where it is and which runs have no page there."""
    from dpg_bench.cli.audit import question_counts
    from dpg_bench.report.site import write_site

    written = write_site(folder, board, runs, counts=question_counts(None), load_suite=_suite_at_hand, force=force)
    for reason in written.without_report:
        say(reason)
    say(f"Written: {written.page} ({written.size / 1e6:.1f} MB with {written.reports} reports)")


def _suite_at_hand(name: str) -> Suite:
    """A suite that is on this machine: a ranking downloads nothing. Raises BadInputError for one that isn't."""
    from dpg_bench.errors import BadInputError
    from dpg_bench.suite.registry import load_suite, pending_download

    if pending_download(name) is not None:
        raise BadInputError(f"its questions aren't kept beside it, and {name} isn't here (`dpgbench fetch {name}`)")
    return load_suite(name)
