"""`dpgbench audit`: which published category scores are arithmetically possible."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpg_bench.cli.console import say, show_json, terminal
from dpg_bench.cli.options import Csv, Force, Json

if TYPE_CHECKING:
    from dpg_bench.report.audit.counts import QuestionCounts

_SUITE = "dpg-bench"


def audit(
    file: Annotated[
        Path | None,
        typer.Argument(
            help="A CSV of results: a column 'model' and category scores, digits as printed.", show_default=False
        ),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Check the published results that ship with dpg-bench.")
    ] = False,
    suite: Annotated[
        str | None,
        typer.Option(
            help="Whose question counts hold; dpg-bench, whose recorded counts do without its file.",
            show_default=False,
        ),
    ] = None,
    json: Json = False,
    csv: Csv = None,
    force: Force = False,
) -> None:
    """Say which published category scores can come from a complete run: k of the category's n questions, or k of 4n."""
    from dpg_bench.errors import BadInputError
    from dpg_bench.files.outputs import write_output
    from dpg_bench.report.audit.data import audit_to_csv, audit_to_json
    from dpg_bench.report.audit.result import audit_results
    from dpg_bench.report.audit.text import print_audit
    from dpg_bench.report.published import read_published, shipped_results

    if (file is None) != published:
        raise BadInputError("Name one thing to audit: a CSV file, or --published for the results shipped here.")
    results = shipped_results() if file is None else read_published(file)
    found = audit_results(results, question_counts(suite))
    if csv is not None:
        write_output(csv, audit_to_csv(found).encode(), force=force)
        say(f"Written: {csv}")
    if json:
        show_json(audit_to_json(found))
    else:
        print_audit(found, terminal())


def question_counts(suite: str | None) -> QuestionCounts:
    """Those of `suite`; without one, of dpg-bench if it is on this machine, otherwise as recorded."""
    from dpg_bench.report.audit.counts import RECORDED, count_questions
    from dpg_bench.suite.registry import load_suite, pending_download

    if suite is None and pending_download(_SUITE) is not None:
        return RECORDED
    return count_questions(load_suite(suite or _SUITE))
