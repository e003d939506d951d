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
        "--protocol",
        help="Whose scores: official is what papers quote; corrected, over all prompts and images, tells runs apart.",
    ),
]
Confidence: TypeAlias = Annotated[
    float, typer.Option("--confidence", help="Of intervals and tests, between 0.5 and 1.")
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]
Markdown: TypeAlias = Annotated[bool, typer.Option("--markdown", help="Print Markdown instead of text.")]
Latex: TypeAlias = Annotated[
    bool, typer.Option("--latex", help="Print LaTeX instead: a table, sentences on the method, BibTeX as comments.")
]
Csv: TypeAlias = Annotated[
    Path | None, typer.Option("--csv", help="Write the table to this CSV file too.", show_default=False)
]
AllowMissing: TypeAlias = Annotated[
    bool, typer.Option("--allow-missing", help="Take the mean over what is there, though items are missing.")
]
AllowDifferent: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--allow-different", help="Hold runs against each other that drew from differently rewritten prompts."
    ),
]
PromptsFrom: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        "--prompts-from",
        help="The rewritten prompts (`dpgbench rewrite`) that images are drawn from; the questions stay the suite's.",
        show_default=False,
    ),
]
ImagesPerPrompt: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--images-per-prompt",
        help="How many images of every prompt; as many as the suite's own protocol has, 4 for DPG-Bench.",
        show_default=False,
    ),
]
Limit: TypeAlias = Annotated[int | None, typer.Option("--limit", help="Only the first N items of the suite.")]
Items: TypeAlias = Annotated[
    str | None, typer.Option("--items", help="Only these items: ID,ID,...", show_default=False)
]
Device: TypeAlias = Annotated[str, typer.Option("--device", help="auto, cpu, cuda, cuda:1 or mps.")]
Dtype: TypeAlias = Annotated[str, typer.Option("--dtype", help="auto, float32, float16 or bfloat16.")]
Force: TypeAlias = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]

ShardOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--shard",
        metavar="I/N",
        help="Do share I (from 0) of N, each by a process of its own; as torchrun or SLURM say by default. 0/1 is all.",
        show_default=False,
    ),
]
Steal: TypeAlias = Annotated[
    bool, typer.Option("--steal", help="After one's own share, do those that no process is at work on.")
]

DevicesOption: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--devices",
        help="A process on each of these: all (GPUs), 0,1 or cpu,cpu.",
        show_default=False,
    ),
]
EngineOption: TypeAlias = Annotated[
    Literal["local", "ray"], typer.Option("--engine", help="What runs workers: this machine, or a Ray cluster.")
]
WorkersOption: TypeAlias = Annotated[
    int | None, typer.Option("--workers", help="How many workers; of Ray, one for each GPU by default.")
]


def check_one_form(*forms: bool) -> None:
    """Raises BadInputError if more than one form of output is asked for."""
    from dpg_bench.errors import BadInputError

    if sum(forms) > 1:
        raise BadInputError("Only one of --json, --markdown and --latex can be printed.")
