"""`dpgbench merge`: what several processes or several people did of a run becomes one run, with its scorecard."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dpg_bench.cli.completion import complete_suites
from dpg_bench.cli.console import say
from dpg_bench.cli.exit_codes import INCOMPLETE

if TYPE_CHECKING:
    from dpg_bench.jobs.merge import MergeResult


def merge(
    folders: Annotated[
        list[str],
        typer.Argument(metavar="RUN...", help="A shared run (or its URL), or several of parts.", show_default=False),
    ],
    out: Annotated[Path | None, typer.Option(help="Where the parts are laid together.", show_default=False)] = None,
    suite: Annotated[
        str | None,
        typer.Option(help="The suite; the run's own by default.", autocompletion=complete_suites, show_default=False),
    ] = None,
    first_wins: Annotated[
        bool,
        typer.Option("--first-wins", help="Where the folders differ, take what the one that is named first holds."),
    ] = False,
) -> None:
    """Make one run of what several processes (--shard) or several people did, and its scorecard if all is judged."""
    from dpg_bench.cli.place import find_mirror, folder_of, kept_up
    from dpg_bench.errors import BadInputError
    from dpg_bench.jobs.merge import merge_shards
    from dpg_bench.jobs.partial_runs import merge_runs

    mirror = find_mirror(folders[0], images=True) if len(folders) == 1 and out is None else None
    if len(folders) == 1 and out is None:
        with kept_up(mirror):
            result = merge_shards(folder_of(folders[0], mirror) or Path(folders[0]), suite=suite)
    elif out is None:
        raise BadInputError("Several runs are laid together into another folder: name it with --out.")
    elif far := next((folder for folder in folders if "://" in folder), None):
        raise BadInputError(f"Several runs are laid together from folders; copy {far} into one.")
    else:
        result = merge_runs([Path(folder) for folder in folders], out, suite=suite, first_wins=first_wins)
    _say(result, mirror.url if mirror is not None else str(result.run.path))
    if not result.complete:
        raise typer.Exit(INCOMPLETE)


def _say(result: MergeResult, folder: str) -> None:
    say(f"{folder}: {result.items - result.left - result.failed} of {result.items} items are made.")
    if result.failed:
        say(f"{result.failed} could not be made, see {result.run.generation_log}; the same run tries them again.")
    if result.left:
        say(f"{result.left} are missing; `dpgbench run` with the run's own options makes them.")
    for judge, judged in result.judged.items():
        if judged is None or judged.left:
            left = f"{judged.left} items are not judged yet; " if judged is not None else ""
            say(f"{judge}: {left}`dpgbench score {folder} --judge {judge}` goes on and makes the scorecard.")
        elif judged.result is not None:
            say(f"Scorecard: {judged.result.file}")
