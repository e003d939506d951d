"""`dpgbench compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from dpg_bench.cli.console import say

if TYPE_CHECKING:
    from dpg_bench.report.question_texts import QuestionTexts
    from dpg_bench.score.scorecard import SuiteCard

_OTHER_OUTPUT = "Only one of --json and --markdown can be printed."


def compare(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="A B [C]...",
            help="Scored run folders, or scorecard files; each is held against the first.",
            show_default=False,
        ),
    ],
    protocol: Annotated[
        Literal["corrected", "official"], typer.Option(help="Whose scores are compared.", envvar="DPGBENCH_PROTOCOL")
    ] = "corrected",
    judge: Annotated[
        str | None,
        typer.Option(help="Which judge's, where a run has several.", envvar="DPGBENCH_JUDGE", show_default=False),
    ] = None,
    confidence: Annotated[
        float, typer.Option(help="Of the intervals, between 0.5 and 1.", envvar="DPGBENCH_CONFIDENCE")
    ] = 0.95,
    top: Annotated[
        int,
        typer.Option(min=0, help="How many items and questions that changed most are shown.", envvar="DPGBENCH_TOP"),
    ] = 5,
    json: Annotated[bool, typer.Option("--json", help="Print JSON instead of the table.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown instead of the table.")] = False,
    csv: Annotated[
        Path | None,
        typer.Option(help="Write the scores to this CSV file too.", envvar="DPGBENCH_CSV", show_default=False),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the CSV file if it is there.")] = False,
) -> None:
    """Show what changed between runs, and what of it is more than noise."""
    from json import dumps

    from dpg_bench.errors import BadInputError
    from dpg_bench.files.outputs import write_output
    from dpg_bench.report.compare.data import comparisons_to_csv, comparisons_to_json
    from dpg_bench.report.compare.result import compare_all
    from dpg_bench.report.compare.text import comparisons_to_markdown, print_comparisons
    from dpg_bench.report.runs import load_judged

    if json and markdown:
        raise BadInputError(_OTHER_OUTPUT)
    comparisons = compare_all(
        [load_judged(path, judge=judge) for path in paths], protocol=protocol, confidence=confidence
    )
    texts = _question_texts(comparisons[0].first.card.suite) if top else {}
    if csv is not None:
        write_output(csv, comparisons_to_csv(comparisons).encode(), force=force)
        say(f"Written: {csv}")
    if json:
        typer.echo(
            dumps(comparisons_to_json(comparisons, texts, top=top), indent=2, ensure_ascii=False, allow_nan=False)
        )
    elif markdown:
        typer.echo(comparisons_to_markdown(comparisons, texts, top=top), nl=False)
    else:
        from rich.console import Console

        print_comparisons(comparisons, texts, Console(), top=top)


def _question_texts(card: SuiteCard) -> QuestionTexts:
    """The questions of the suite that was scored; none if it isn't on this machine, or isn't what it was."""
    from dpg_bench.errors import BadInputError
    from dpg_bench.report.question_texts import question_texts
    from dpg_bench.suite.registry import load_suite, pending_download

    try:
        suite = None if pending_download(card.name) else load_suite(card.name)
    except BadInputError:  # a file that lay there when the run was scored, and a comparison does without
        suite = None
    return question_texts(suite) if suite is not None and suite.digest == card.digest else {}
