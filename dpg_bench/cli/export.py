"""`dpgbench export`: a scored run in the forms that other programs read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dpg_bench.cli.console import say, show
from dpg_bench.cli.options import Force, Scored, WhichJudge


def export(
    path: Scored,
    judge: WhichJudge = None,
    out: Annotated[
        Path | None,
        typer.Option(help="The folder to write to; exports/NAME.", show_default=False),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="The Hub dataset that the results are of; the suite's own.",
            show_default=False,
        ),
    ] = None,
    tracker: Annotated[
        str | None,
        typer.Option(
            help="Record the scores in wandb, mlflow or trackio instead of writing files.",
            show_default=False,
        ),
    ] = None,
    project: Annotated[str, typer.Option(help="The tracker's project or experiment.")] = "dpg-bench",
    force: Force = False,
) -> None:
    """Write a run's scores and answers for the Hub (evaluation results, model card), as Parquet and for `datasets`."""
    from dpg_bench.report.coverage import prompts_behind
    from dpg_bench.report.export.folder import export_run
    from dpg_bench.report.export.trackers import find_tracker, log_to_tracker
    from dpg_bench.report.runs import load_judged

    run = load_judged(path, judge=judge)
    if tracker is not None:
        log_to_tracker(run, find_tracker(tracker), project=project)
        coverage = prompts_behind(run, "corrected")
        say(f"Recorded in {tracker}, project {project}{f', as of {coverage}' if coverage else ''}.")
        return
    result = export_run(run, out or Path("exports") / run.name, dataset=dataset, force=force)
    for remark in result.remarks:
        say(remark)
    for file in result.files:
        show(file)
