"""`dpgbench baseline`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dpg_bench.cli.console import say


def baseline(
    path: Annotated[Path, typer.Argument(help="A scored run folder, or a scorecard file.", show_default=False)],
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The file; reports/baselines/NAME.json for a run called NAME.",
            envvar="DPGBENCH_OUT",
            show_default=False,
        ),
    ] = None,
    judge: Annotated[
        str | None,
        typer.Option(help="Which judge's scores, if there are several.", envvar="DPGBENCH_JUDGE", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it is there.")] = False,
) -> None:
    """Keep a run's scores as the baseline that `dpgbench check` holds later runs against."""
    from dpg_bench.report.check.baseline import write_baseline
    from dpg_bench.report.runs import load_judged

    run = load_judged(path, judge=judge)
    file = out or Path("reports") / "baselines" / f"{run.name}.json"
    size = write_baseline(run, file, force=force)
    for warning in run.card.warnings:
        say(f"Warning: {warning}")
    say(f"Baseline: {file} ({size / 1000:.0f} kB). Hold a run against it: dpgbench check RUN --baseline {file}")
