"""`python -m dpg_bench.miniature`: make the suite, pictures to look at, and the models."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)


@app.command()
def train(
    out: Annotated[Path, typer.Option(help="Folder of all stages; stopped stages go on from there.")],
    stage: Annotated[list[str] | None, typer.Option(help="Make this stage alone (may be given again).")] = None,
) -> None:
    """Train the miniature's models, stage by stage."""
    from dpg_bench.miniature.train.stages import make_stages

    make_stages(out, tuple(stage or ()))


@app.command()
def suite(out: Annotated[Path, typer.Option(help="The CSV file to write.")]) -> None:
    """Write the suite `miniature`."""
    from dpg_bench.files.durable import write_atomic
    from dpg_bench.miniature.suite import suite_csv

    write_atomic(out, suite_csv())


if __name__ == "__main__":
    app()
