"""Where the command's words go: data to stdout, everything else to stderr, nothing that a terminal would obey."""

from __future__ import annotations

import sys


def say(message: str) -> None:
    """A line for the person, not the pipe: to stderr."""
    print(_visible(message), file=sys.stderr, flush=True)


def show(text: object) -> None:
    """Lines of data: to stdout."""
    print(_visible(str(text)), flush=True)


def _visible(text: str) -> str:
    shown = (letter if letter.isprintable() or letter in "\n\t" else repr(letter)[1:-1] for letter in text)
    return "".join(shown).encode("utf-8", "backslashreplace").decode("utf-8")
