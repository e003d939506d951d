"""`dpgbench check`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dpg_bench.cli.console import say
from dpg_bench.cli.exit_codes import INCOMPLETE, REGRESSION


def check(
    path: Annotated[Path, typer.Argument(help="A scored run folder, or a scorecard file.", show_default=False)],
    baseline: Annotated[
        Path,
        typer.Option(
            help="What it is held against: a file from `dpgbench baseline`, or another scored run.",
            envvar="DPGBENCH_BASELINE",
            show_default=False,
        ),
    ],
    max_drop: Annotated[
        float, typer.Option(help="How many points a score may drop.", envvar="DPGBENCH_MAX_DROP")
    ] = 1.0,
    confidence: Annotated[
        float, typer.Option(help="How sure a regression must be to fail.", envvar="DPGBENCH_CONFIDENCE")
    ] = 0.95,
    categories: Annotated[bool, typer.Option("--categories", help="Check the five level-1 categories too.")] = False,
    protocol: Annotated[
        Literal["corrected", "official"], typer.Option(help="Whose scores are checked.", envvar="DPGBENCH_PROTOCOL")
    ] = "corrected",
    judge: Annotated[
        str | None,
        typer.Option(help="Which judge's scores, if there are several.", envvar="DPGBENCH_JUDGE", show_default=False),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")] = False,
    junit: Annotated[
        Path | None,
        typer.Option(help="Write the result as JUnit XML too.", envvar="DPGBENCH_JUNIT", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the JUnit file if it is there.")] = False,
) -> None:
    """Fail (exit code 4) if a run is worse than its baseline by more than allowed, and by more than noise.

    In GitHub Actions it also writes the job summary and annotations.
    """
    from json import dumps

    from dpg_bench.cli.github_actions import report_to_actions
    from dpg_bench.files.outputs import write_output
    from dpg_bench.report.check.data import check_to_json, check_to_junit
    from dpg_bench.report.check.result import check_run
    from dpg_bench.report.check.text import print_check
    from dpg_bench.report.runs import load_judged

    result = check_run(
        load_judged(path, judge=judge),
        load_judged(baseline, judge=judge),
        max_drop=max_drop,
        confidence=confidence,
        categories=categories,
        protocol=protocol,
    )
    if junit is not None:
        write_output(junit, check_to_junit(result), force=force)
        say(f"Written: {junit}")
    if json:
        typer.echo(dumps(check_to_json(result), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        from rich.console import Console

        print_check(result, Console())
    report_to_actions(result)
    if result.verdict == "regression":
        raise typer.Exit(REGRESSION)
    if not result.run.card.complete:
        raise typer.Exit(INCOMPLETE)
