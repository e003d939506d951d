"""`dpgbench agree`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from dpg_bench.cli.console import say, show, show_json, terminal
from dpg_bench.cli.options import Confidence, Csv, Force, Json, Markdown, check_one_form
from dpg_bench.cli.parse import parse_names


def agree(
    paths: Annotated[
        list[Path],
        typer.Argument(
            metavar="PATH...",
            help="Scored runs, of which every judge is taken, and files of answers; NAME=PATH names a judge.",
            show_default=False,
        ),
    ],
    suite: Annotated[
        str | None,
        typer.Option(
            help="The questions; those the runs were scored with. Files of answers alone do without, and then have no "
            "categories and no protocols.",
            show_default=False,
        ),
    ] = None,
    judges: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME", help="Take of the runs these judges' answers alone; all of them.", show_default=False
        ),
    ] = None,
    human: Annotated[
        Path | None,
        typer.Option(
            help="People's ratings: a CSV or JSON lines with item, rater and rating, and model and image where there "
            "are several.",
            show_default=False,
        ),
    ] = None,
    scoring: Annotated[
        Literal["corrected", "official", "soft", "share of yes", "dsg", "dsg without graph"] | None,
        typer.Option(
            help="How images are scored where judges are compared by scores; corrected, or the share of yes without a "
            "suite.",
            show_default=False,
        ),
    ] = None,
    confidence: Confidence = 0.95,
    examples: Annotated[int, typer.Option(min=0, help="How many answers that differ are shown of each pair.")] = 5,
    json: Json = False,
    markdown: Markdown = False,
    csv: Csv = None,
    html: Annotated[
        Path | None,
        typer.Option(help="Write a page with the images that judges disagree on.", show_default=False),
    ] = None,
    embed: Annotated[
        bool, typer.Option("--embed", help="Put thumbnails into the page, so that it can be sent without its images.")
    ] = False,
    force: Force = False,
) -> None:
    """Show how judges agree with each other and, given ratings, with people."""
    from dpg_bench.errors import BadInputError
    from dpg_bench.files.outputs import check_output, write_output
    from dpg_bench.report.agree.data import agreement_to_csv, agreement_to_json
    from dpg_bench.report.agree.result import find_agreement
    from dpg_bench.report.agree.text import agreement_to_markdown, print_agreement

    check_one_form(json, markdown)
    if embed and html is None:
        raise BadInputError("--embed is about the page: name its file with --html.")
    for file in (csv, html):
        if file is not None and file.is_dir():
            check_output(file, force=force)
    agreement = find_agreement(
        paths, suite=suite, judges=parse_names(judges), human=human, scoring=scoring, confidence=confidence
    )
    if csv is not None:
        write_output(csv, agreement_to_csv(agreement).encode(), force=force)
        say(f"Written: {csv}")
    if html is not None:
        from dpg_bench.report.agree.page import agreement_to_html

        write_output(html, agreement_to_html(agreement, html, embed=embed).encode(), force=force)
        say(f"Written: {html}")
    if json:
        show_json(agreement_to_json(agreement, top=examples))
    elif markdown:
        show(agreement_to_markdown(agreement, top=examples).rstrip())
    else:
        print_agreement(agreement, terminal(), top=examples)
