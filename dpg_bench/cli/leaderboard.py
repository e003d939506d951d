"""`dpgbench leaderboard`: rank scored runs, if wanted among published results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def leaderboard(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR]...", help="Folders that hold scored runs; runs/ by default.", show_default=False),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Rank the published results that ship with dpg-bench too.")
    ] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown instead of the table.")] = False,
    csv: Annotated[
        Path | None,
        typer.Option(help="Write all rankings to this CSV file too.", envvar="DPGBENCH_CSV", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the CSV file if it is there.")] = False,
) -> None:
    """Rank scored runs by overall score, apart by protocol, suite and judge, with ties where the data can't tell."""
    from dpg_bench.files.outputs import write_output
    from dpg_bench.report.leaderboard.data import leaderboard_to_csv
    from dpg_bench.report.leaderboard.result import find_runs, rank_runs
    from dpg_bench.report.leaderboard.text import leaderboard_to_markdown, print_leaderboard
    from dpg_bench.report.published import shipped_results

    default = Path("runs")
    alone = published and not folders and not default.is_dir()
    runs = () if alone else find_runs(folders or [default])
    board = rank_runs(runs, published=shipped_results() if published else ())
    if csv is not None:
        write_output(csv, leaderboard_to_csv(board).encode(), force=force)
    if markdown:
        typer.echo(leaderboard_to_markdown(board), nl=False)
    else:
        from rich.console import Console

        print_leaderboard(board, Console())
