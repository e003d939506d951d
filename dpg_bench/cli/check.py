"""`dpgbench check`, and `dpgbench baseline`, which keeps what it holds later runs against."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dpg_bench.cli.console import say, show, show_json, terminal
from dpg_bench.cli.exit_codes import INCOMPLETE, REGRESSION
from dpg_bench.cli.options import (
    AllowDifferent,
    AllowMissing,
    Confidence,
    Force,
    Json,
    Markdown,
    Scored,
    WhichJudge,
    WhichProtocol,
    check_one_form,
)


def check(
    path: Scored,
    baseline: Annotated[
        Path,
        typer.Option(
            help="What it is held against: a file from `dpgbench baseline`, or another scored run.", show_default=False
        ),
    ],
    max_drop: Annotated[float, typer.Option(help="How many points a score may drop.")] = 1.0,
    confidence: Confidence = 0.95,
    categories: Annotated[bool, typer.Option("--categories", help="Check the five level-1 categories too.")] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Fail too where these prompts can't tell whether a score dropped.")
    ] = False,
    allow_missing: AllowMissing = False,
    allow_different: AllowDifferent = False,
    protocol: WhichProtocol = "corrected",
    judge: WhichJudge = None,
    json: Json = False,
    markdown: Markdown = False,
    junit: Annotated[Path | None, typer.Option(help="Write the result as JUnit XML too.", show_default=False)] = None,
    force: Force = False,
) -> None:
    """Fail (exit code 4) if a run is worse than its baseline by more than allowed, and by more than noise.

    A run without scores of all the baseline's prompts doesn't pass either (exit code 3). In GitHub
    Actions it also writes the job summary and annotations.
    """
    from dpg_bench.cli.github_actions import report_to_actions
    from dpg_bench.files.outputs import write_output
    from dpg_bench.report.check.data import check_to_json, check_to_junit
    from dpg_bench.report.check.result import check_run
    from dpg_bench.report.check.text import check_markdown, print_check
    from dpg_bench.report.runs import load_judged

    check_one_form(json, markdown)
    result = check_run(
        load_judged(path, judge=judge),
        load_judged(baseline, judge=judge),
        max_drop=max_drop,
        confidence=confidence,
        categories=categories,
        protocol=protocol,
        allow_missing=allow_missing,
        strict=strict,
        allow_different=allow_different,
    )
    if junit is not None:
        write_output(junit, check_to_junit(result), force=force)
        say(f"Written: {junit}")
    if json:
        show_json(check_to_json(result))
    elif markdown:
        show(check_markdown(result).rstrip())
    else:
        print_check(result, terminal())
    report_to_actions(result)
    if result.verdict == "incomplete":
        raise typer.Exit(INCOMPLETE)
    if not result.passed:
        raise typer.Exit(REGRESSION)


def baseline(
    path: Scored,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out", "-o", help="The file; reports/baselines/NAME.json for a run called NAME.", show_default=False
        ),
    ] = None,
    judge: WhichJudge = None,
    force: Force = False,
) -> None:
    """Keep a run's scores as the baseline that `dpgbench check` holds later runs against."""
    from dpg_bench.report.check.baseline import write_baseline
    from dpg_bench.report.runs import load_judged

    run = load_judged(path, judge=judge)
    file = out or Path("reports") / "baselines" / f"{run.name}.json"
    size = write_baseline(run, file, force=force)
    if run.extent("corrected"):
        say(f"The baseline is of {run.extent('corrected')}.")
    for warning in run.card.warnings:
        say(f"Warning: {warning}")
    say(f"Baseline: {file} ({size / 1000:.0f} kB). Hold a run against it: dpgbench check RUN --baseline {file}")
