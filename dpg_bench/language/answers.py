"""The text of an answer, without what models put around it."""

from __future__ import annotations

import re

_THOUGHT = re.compile(r"<think>.*?</think>", re.DOTALL)
_OPEN_THOUGHT = re.compile(r"</?think>")
_QUOTES = {'"': '"', "“": "”", "'": "'"}


def plain_answer(text: str) -> str:
    """`text` without a reasoning model's thoughts, stray white space and quotes around the whole.

    Raises ValueError, saying why, if nothing is left, or a thought has no end.
    """
    left = _THOUGHT.sub("", text)
    if _OPEN_THOUGHT.search(left):
        raise ValueError("the answer is a thought without an end")
    left = left.strip()
    inner = left[1:-1]
    if len(left) > 1 and _QUOTES.get(left[0]) == left[-1] and left[0] not in inner and left[-1] not in inner:
        left = inner.strip()
    if not left:
        raise ValueError("the answer is empty")
    return left


def one_line(text: str) -> str:
    """`text` with every run of white space as one space."""
    return " ".join(text.split())
