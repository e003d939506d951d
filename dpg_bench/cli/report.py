"""`dpgbench report`: one run, or several side by side, as a single HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from dpg_bench.cli.console import say, show
from dpg_bench.cli.options import Force, WhichJudge


def report(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Run folders or scorecards; several are set side by side."),
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "-o",
            "--out",
            help="The file or folder to write to; report.html in the run folder.",
            show_default=False,
        ),
    ] = None,
    open_page: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    embed: Annotated[
        bool, typer.Option("--embed", help="Put thumbnails into the page, so that it can be sent without its images.")
    ] = False,
    judge: WhichJudge = None,
    suite: Annotated[
        str | None,
        typer.Option(help="The questions; those the run names.", show_default=False),
    ] = None,
    images: Annotated[
        list[Path] | None,
        typer.Option(
            help="The folder of images, if it is not in the run folder; once for each run.",
            show_default=False,
        ),
    ] = None,
    bundle: Annotated[
        Path | None,
        typer.Option(
            help="Write page and images into this folder instead, ready for any web server.",
            show_default=False,
        ),
    ] = None,
    charts: Annotated[
        Path | None,
        typer.Option(
            help="Write every chart into this folder too, as SVG and PDF, light and dark.",
            show_default=False,
        ),
    ] = None,
    force: Force = False,
) -> None:
    """Write a page with scores, charts and every item's images, questions and answers; it needs no server."""
    from dpg_bench.report.page import ReportRequest, write_report
    from dpg_bench.suite.registry import load_suite

    written = write_report(
        ReportRequest(
            paths=tuple(paths),
            judge=judge,
            suite=suite,
            images=tuple(images or ()),
            out=out,
            embed=embed,
            bundle=bundle,
            charts=charts,
            force=force,
        ),
        load_suite=load_suite,
    )
    if written.items_with_images < written.items:
        missing = written.items - written.items_with_images
        say(f"{missing} of {written.items} items have no images here; --images FOLDER says where they are.")
    if written.charts:
        say(f"{len(written.charts)} files of charts in {charts}")
    say(f"{written.size / 1e6:.1f} MB with {written.items} items:")
    show(written.file)
    if open_page:
        import webbrowser

        webbrowser.open(written.file.resolve().as_uri())
