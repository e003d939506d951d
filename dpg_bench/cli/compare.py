"""`dpgbench compare`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpg_bench.cli.console import say, show, show_json, terminal
from dpg_bench.cli.options import (
    AllowDifferent,
    Confidence,
    Csv,
    Force,
    Json,
    Latex,
    Markdown,
    WhichJudge,
    WhichProtocol,
    check_one_form,
)

if TYPE_CHECKING:
    from dpg_bench.report.questions import QuestionTexts
    from dpg_bench.report.runs import JudgedRun


def compare(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="A B [C]...",
            help="Scored run folders, or scorecard files; each is held against the first.",
            show_default=False,
        ),
    ],
    protocol: WhichProtocol = "corrected",
    judge: WhichJudge = None,
    confidence: Confidence = 0.95,
    allow_different: AllowDifferent = False,
    top: Annotated[int, typer.Option(min=0, help="How many of what changed most are shown.")] = 5,
    json: Json = False,
    markdown: Markdown = False,
    latex: Latex = False,
    csv: Csv = None,
    force: Force = False,
) -> None:
    """Show what changed between runs, and what of it is more than noise."""
    from dpg_bench.files.outputs import write_output
    from dpg_bench.report.compare.data import comparisons_to_csv, comparisons_to_json
    from dpg_bench.report.compare.result import compare_all
    from dpg_bench.report.compare.text import comparisons_to_latex, comparisons_to_markdown, print_comparisons
    from dpg_bench.report.runs import load_judged

    check_one_form(json, markdown, latex)
    comparisons = compare_all(
        [load_judged(path, judge=judge) for path in paths],
        protocol=protocol,
        confidence=confidence,
        allow_different=allow_different,
    )
    texts = _question_texts(comparisons[0].first) if top else {}
    if csv is not None:
        write_output(csv, comparisons_to_csv(comparisons).encode(), force=force)
        say(f"Written: {csv}")
    if json:
        show_json(comparisons_to_json(comparisons, texts, top=top))
    elif markdown:
        show(comparisons_to_markdown(comparisons, texts, top=top).rstrip())
    elif latex:
        show(comparisons_to_latex(comparisons))
    else:
        print_comparisons(comparisons, texts, terminal(), top=top)


def _question_texts(run: JudgedRun) -> QuestionTexts:
    """The questions of the suite that was scored; none if it isn't on this machine, or isn't what it was."""
    from dpg_bench.errors import BadInputError
    from dpg_bench.report.questions import question_texts
    from dpg_bench.suite.registry import load_suite, pending_download

    card = run.card.suite
    try:
        suite = run.kept_suite()
        if suite is None and not pending_download(card.name):
            suite = load_suite(card.name)
    except BadInputError:  # a file that lay there when the run was scored, and a comparison does without
        suite = None
    return question_texts(suite) if suite is not None and suite.digest == card.digest else {}
