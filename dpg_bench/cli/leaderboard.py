"""`dpgbench leaderboard`: rank scored runs, if wanted among published results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dpg_bench.cli.console import say, show, show_json, terminal
from dpg_bench.cli.options import Csv, Force, Json, Latex, Markdown, check_one_form


def leaderboard(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR]...", help="Folders that hold scored runs; runs/ by default.", show_default=False),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Rank the published results that ship with dpg-bench too.")
    ] = False,
    json: Json = False,
    markdown: Markdown = False,
    latex: Latex = False,
    csv: Csv = None,
    force: Force = False,
) -> None:
    """Rank scored runs by overall score, apart by protocol, suite and judge, with ties where the data can't tell."""
    from dpg_bench.files.outputs import write_output
    from dpg_bench.report.leaderboard.data import leaderboard_to_csv, leaderboard_to_json
    from dpg_bench.report.leaderboard.result import FoundRuns, find_runs, rank_runs
    from dpg_bench.report.leaderboard.text import leaderboard_to_latex, leaderboard_to_markdown, print_leaderboard
    from dpg_bench.report.published import shipped_results

    check_one_form(json, markdown, latex)
    default = Path("runs")
    alone = published and not folders and not default.is_dir()
    found = FoundRuns() if alone else find_runs(folders or [default])
    board = rank_runs(found.runs, published=shipped_results() if published else (), unusable=found.unusable)
    if csv is not None:
        write_output(csv, leaderboard_to_csv(board).encode(), force=force)
        say(f"Written: {csv}")
    if json:
        show_json(leaderboard_to_json(board))
    elif markdown:
        show(leaderboard_to_markdown(board).rstrip())
    elif latex:
        show(leaderboard_to_latex(board, found.runs))
    else:
        print_leaderboard(board, terminal())
