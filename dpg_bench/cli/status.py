"""`dpgbench runs` and `dpgbench show`: what was made, and how far what is being made is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dpg_bench.cli.console import say, show_json, terminal
from dpg_bench.cli.options import Json


def runs(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[DIR]...", help="Folders that hold runs; runs/ by default.", show_default=False),
    ] = None,
    json: Json = False,
) -> None:
    """List the runs that are here: done, under way or stopped, judged or not, the newest last."""
    from dpg_bench.files.run_folder import RUNS
    from dpg_bench.report.status.data import status_to_json
    from dpg_bench.report.status.result import find_statuses
    from dpg_bench.report.status.text import print_statuses

    statuses = find_statuses(folders or ([RUNS] if RUNS.is_dir() else []))
    if json:
        show_json([status_to_json(one) for one in statuses])
    elif statuses:
        print_statuses(statuses, terminal())
    else:
        say("There is no run here yet. Make one with `dpgbench run`.")


def show(
    run: Annotated[Path, typer.Argument(help="A run folder, or a folder of results.", show_default=False)],
    json: Json = False,
) -> None:
    """Show all that is known of a run, also while it is made or judged."""
    from dpg_bench.judge.registry import judge_made_for
    from dpg_bench.report.status.data import status_to_json
    from dpg_bench.report.status.result import run_status
    from dpg_bench.report.status.text import print_status

    status = run_status(run)
    if json:
        show_json(status_to_json(status))
    else:
        print_status(status, terminal(), judge=judge_made_for(status.suite) if status.suite is not None else None)
