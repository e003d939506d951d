"""The commands of `dpgbench`, put together. Only typer is imported here, so that `--help` is there at once."""

from __future__ import annotations

from typing import Annotated

import typer

from dpg_bench import __version__
from dpg_bench.cli import (
    agree,
    audit,
    check,
    compare,
    doctor,
    export,
    fetch,
    graph,
    leaderboard,
    listings,
    merge,
    prompts,
    report,
    rewrite,
    run,
    same,
    schema,
    score,
    status,
    sweep,
    verify,
)
from dpg_bench.cli.console import show
from dpg_bench.cli.exit_codes import Commands
from dpg_bench.cli.variables import Command

app = typer.Typer(
    name="dpgbench",
    cls=Commands,
    help="DPG-Bench, reproducible: generate images, judge them, and score how well a model follows dense prompts.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong use or bad input, 3 finished but incomplete, 4 a check found a "
    "regression, 130 interrupted, 143 told to end. Every option of a command, flags too, also reads DPGBENCH_<NAME> "
    "(DPGBENCH_MAX_DROP, DPGBENCH_JSON=1), or what its --help names instead.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        show(f"dpgbench {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and leave.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    del version  # its callback has done the work


_GROUPS = {
    "Generate and judge": (
        run.run,
        prompts.prompts,
        graph.graph,
        rewrite.rewrite,
        score.score,
        merge.merge,
        sweep.sweep,
        status.runs,
        status.show,
    ),
    "Results": (
        compare.compare,
        agree.agree,
        check.check,
        check.baseline,
        same.same,
        leaderboard.leaderboard,
        report.report,
        export.export,
        audit.audit,
        verify.verify,
    ),
    "What there is": (listings.models, listings.judges, listings.suites, fetch.fetch, doctor.doctor, schema.schema),
}
for heading, commands in _GROUPS.items():
    for command in commands:
        app.command(cls=Command, rich_help_panel=heading)(command)
