"""`dpgbench same`: did a faster engine, a quantised model or another card still draw the same?"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dpg_bench.cli.console import counting, say, show, show_json, terminal
from dpg_bench.cli.exit_codes import INCOMPLETE, REGRESSION
from dpg_bench.cli.options import (
    AllowMissing,
    Confidence,
    Csv,
    Force,
    Json,
    Markdown,
    WhichJudge,
    WhichProtocol,
    check_one_form,
)


def same(
    first: Annotated[
        Path, typer.Argument(metavar="A", help="The run that is held to be right: its folder.", show_default=False)
    ],
    second: Annotated[
        Path,
        typer.Argument(metavar="B", help="The run of the same prompts from the same seeds.", show_default=False),
    ],
    margin: Annotated[
        float, typer.Option(help="Scores that differ by this many points are different.", show_default=True)
    ] = 1.0,
    confidence: Confidence = 0.95,
    min_ssim: Annotated[
        float | None,
        typer.Option(help="Fail if the median image's structural similarity is lower.", show_default=False),
    ] = None,
    min_psnr: Annotated[
        float | None, typer.Option(help="Fail if the median image's PSNR [dB] is lower.", show_default=False)
    ] = None,
    allow_missing: AllowMissing = False,
    protocol: WhichProtocol = "corrected",
    judge: WhichJudge = None,
    top: Annotated[int, typer.Option(min=0, help="How many of what changed most are shown.")] = 5,
    json: Json = False,
    markdown: Markdown = False,
    csv: Csv = None,
    force: Force = False,
) -> None:
    """Fail (exit code 4) unless two runs of the same prompts and seeds are shown to have drawn the same.

    Held against each other are pixels and, where both runs are scored, answers and the overall score: a test of
    equivalence, which a difference that can't be ruled out doesn't pass. Prompts that only one run has don't pass
    either (exit code 3).
    """
    from dpg_bench.files.outputs import check_output, write_output
    from dpg_bench.report.same.data import distances_to_csv, sameness_to_json
    from dpg_bench.report.same.result import hold_same
    from dpg_bench.report.same.text import print_sameness, sameness_to_markdown

    check_one_form(json, markdown)
    if csv is not None:
        check_output(csv, force=force)
    with counting("Comparing images", "items") as count:
        result = hold_same(
            first,
            second,
            judge=judge,
            margin=margin,
            confidence=confidence,
            protocol=protocol,
            min_psnr=min_psnr,
            min_ssim=min_ssim,
            allow_missing=allow_missing,
            progress=lambda done, total: count(done, total=total, start=0),
        )
    if csv is not None:
        write_output(csv, distances_to_csv(result).encode(), force=force)
        say(f"Written: {csv}")
    if json:
        show_json(sameness_to_json(result, top=top))
    elif markdown:
        show(sameness_to_markdown(result, top=top).rstrip())
    else:
        print_sameness(result, terminal(), top=top)
    if result.verdict == "incomplete":
        raise typer.Exit(INCOMPLETE)
    if not result.passed:
        raise typer.Exit(REGRESSION)
