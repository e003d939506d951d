"""`dpgbench verify`: whether a run folder is what it says it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dpg_bench.cli.console import show_json, terminal
from dpg_bench.cli.options import Json


def verify(
    path: Annotated[Path, typer.Argument(help="A run folder, or a folder of runs.", show_default=False)],
    suite: Annotated[
        str | None,
        typer.Option(help="The suite itself, for runs whose suite was a file.", show_default=False),
    ] = None,
    weights: Annotated[
        bool, typer.Option("--weights", help="Load model and judge too, and compute the digests of their weights.")
    ] = False,
    json: Json = False,
) -> None:
    """Recompute all that a run folder says: digests of images, answers and suite, and every score from its answers."""
    from dpg_bench.jobs.reload import reload_judge, reload_model
    from dpg_bench.report.verify.data import verification_to_json
    from dpg_bench.report.verify.result import Reload, verify_runs
    from dpg_bench.report.verify.text import print_verification
    from dpg_bench.suite.registry import load_suite

    found = verify_runs(
        path,
        suite=load_suite(suite) if suite is not None else None,
        reload=Reload(reload_model, reload_judge) if weights else None,
    )
    if json:
        show_json(verification_to_json(found))
    else:
        for one in found:
            print_verification(one, terminal())
    if not all(one.verified for one in found):
        raise typer.Exit(1)
