"""`dpgbench schema`: the file formats, for programs."""

from __future__ import annotations

from typing import Annotated

import typer

from dpg_bench.cli.console import show, show_json


def schema(
    name: Annotated[
        str | None, typer.Argument(metavar="[NAME]", help="A format; without it, all are listed.", show_default=False)
    ] = None,
) -> None:
    """Print the JSON Schema of a file of a run folder, or list what there is."""
    from dpg_bench.report.schemas import FORMS, file_schema

    if name is not None:
        show_json(file_schema(name))
        return
    for known, kind in FORMS.items():
        show(f"{known:<11}{kind.place}\n{'':<11}{kind.summary}")
