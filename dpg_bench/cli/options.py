"""The options that several commands share: one definition each, so that one word means one thing everywhere."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

Scored: TypeAlias = Annotated[
    Path, typer.Argument(help="A scored run folder, or a scorecard file.", show_default=False)
]
WhichJudge: TypeAlias = Annotated[
    str | None, typer.Option("--judge", help="Whose answers, where several judged.", show_default=False)
]
WhichProtocol: TypeAlias = Annotated[
    Literal["corrected", "official"],
    typer.Option(
        "--protocol", help="Whose scores: papers quote official, corrected is the steadier measure of two runs."
    ),
]
Confidence: TypeAlias = Annotated[
    float, typer.Option("--confidence", help="Of intervals and tests, between 0.5 and 1.")
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Markdown: TypeAlias = Annotated[bool, typer.Option("--markdown", help="Print Markdown instead of text.")]
Csv: TypeAlias = Annotated[
    Path | None, typer.Option("--csv", help="Write the table to this CSV file too.", show_default=False)
]
Force: TypeAlias = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]
