"""What the commands that ask a language model share: their options, and how failures are told."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from dpg_bench.cli.console import say

if TYPE_CHECKING:
    from dpg_bench.remote.usage import Usage

WithModel: TypeAlias = Annotated[
    str,
    typer.Option(
        "--with",
        metavar="MODEL[@URL]",
        help="The language model: a folder or Hugging Face repository, or MODEL@URL of an OpenAI-compatible server.",
        show_default=False,
    ),
]
Revision: TypeAlias = Annotated[
    str | None, typer.Option("--revision", help="Of the repository; the newest by default.", show_default=False)
]
Temperature: TypeAlias = Annotated[float, typer.Option("--temperature", help="0 takes the likeliest token each time.")]
MaxTokens: TypeAlias = Annotated[
    int, typer.Option("--max-tokens", help="Of an answer; a longer one is a failure, never cut.")
]
WriterSeed: TypeAlias = Annotated[
    int, typer.Option("--seed", help="Of answers drawn by chance (--temperature), by item.")
]
KeyFrom: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--key-from",
        help="The environment variable that holds the server's key; OPENAI_API_KEY for api.openai.com, else none.",
        show_default=False,
    ),
]
Concurrency: TypeAlias = Annotated[int, typer.Option("--concurrency", help="Requests to a server at once.")]
WriterBatch: TypeAlias = Annotated[
    int | None,
    typer.Option(
        "--batch-size", help="Conversations at once, of a model here: 8 on a GPU, 1 on a CPU.", show_default=False
    ),
]
Fresh: TypeAlias = Annotated[bool, typer.Option("--fresh", help="Ask for everything again.")]

_SHOWN = 5


def say_failures(failed: Mapping[str, str], *, of: int, noun: str, fate: str) -> None:
    """Name the first failures, and what became of the rest."""
    for name, reason in list(failed.items())[:_SHOWN]:
        say(f"Failed: {name}: {reason}")
    if len(failed) > _SHOWN:
        say(f"… and {len(failed) - _SHOWN} more")
    say(
        f"{len(failed)} of {of} {noun} failed; {fate} What was answered is kept: the same command tries just these "
        "again."
    )


def say_usage(usage: Usage) -> None:
    """What a server counted, if it counted anything."""
    if usage.prompt_tokens or usage.completion_tokens:
        cost = f", cost {usage.cost:.4g}" if usage.cost else ""
        say(f"{usage.requests} answers: {usage.prompt_tokens} tokens in, {usage.completion_tokens} out{cost}.")
