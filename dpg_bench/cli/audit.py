"""`dpgbench audit`: which published category scores are arithmetically possible."""

from __future__ import annotations

import sys
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
            help="Results: a table (CSV, TSV, Markdown, LaTeX rows) whose header names categories, digits as printed, "
            "or what the official script printed. - reads stdin.",
            show_default=False,
        ),
    ] = None,
    published: Annotated[
        bool, typer.Option("--published", help="Check the published results that ship with dpg-bench.")
    ] = False,
    log: Annotated[
        Path | None,
        typer.Option(help="A log in which the official script's summary stands.", show_default=False),
    ] = None,
    global_: Annotated[
        str | None, typer.Option("--global", help="One global score, instead of a file.", show_default=False)
    ] = None,
    entity: Annotated[str | None, typer.Option(help="One entity score.", show_default=False)] = None,
    attribute: Annotated[str | None, typer.Option(help="One attribute score.", show_default=False)] = None,
    relation: Annotated[str | None, typer.Option(help="One relation score.", show_default=False)] = None,
    other: Annotated[str | None, typer.Option(help="One score of other.", show_default=False)] = None,
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
    from dpg_bench.report.audit.reading import Claims, given_claim, parse_claims, parse_log
    from dpg_bench.report.audit.result import audit_results
    from dpg_bench.report.audit.text import print_audit
    from dpg_bench.report.published import shipped_results

    named = {"global": global_, "entity": entity, "attribute": attribute, "relation": relation, "other": other}
    given = {name: score for name, score in named.items() if score is not None}
    if sum((file is not None, log is not None, published, bool(given))) != 1:
        raise BadInputError(
            "Name one thing to audit: a file of results, --log FILE, --published for the results shipped here, or "
            "scores such as --global 90.88 --other 86.00."
        )
    if given:
        claims = given_claim(given)
    elif log is not None:
        claims = parse_log(_text(log), str(log))
    else:
        claims = Claims(shipped_results(), ()) if file is None else parse_claims(_text(file), str(file))
    for remark in claims.remarks:
        say(remark)
    found = audit_results(claims.results, question_counts(suite))
    if csv is not None:
        write_output(csv, audit_to_csv(found).encode(), force=force)
        say(f"Written: {csv}")
    if json:
        show_json(audit_to_json(found))
    else:
        print_audit(found, terminal())


def _text(path: Path) -> str:
    from dpg_bench.files.reading import decoded, read_content, read_stream

    return decoded(read_stream(sys.stdin.buffer, "-") if path == Path("-") else read_content(path), str(path))


def question_counts(suite: str | None) -> QuestionCounts:
    """Those of `suite`; without one, of dpg-bench if it is on this machine, otherwise as recorded."""
    from dpg_bench.report.audit.counts import RECORDED, count_questions
    from dpg_bench.suite.registry import load_suite, pending_download

    if suite is None and pending_download(_SUITE) is not None:
        return RECORDED
    return count_questions(load_suite(suite or _SUITE))
