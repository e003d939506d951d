"""The text of an answer, without what models put around it."""

from __future__ import annotations

_OPEN, _CLOSE = "<think>", "</think>"
_QUOTES = {'"': '"', "“": "”", "'": "'"}


def plain_answer(text: str) -> str:
    """`text` without a reasoning model's thoughts, stray white space and quotes around the whole.

    Raises ValueError, saying why, if nothing is left, or a thought has no end.
    """
    left = _without_thoughts(text).strip()
    inner = left[1:-1]
    if len(left) > 1 and _QUOTES.get(left[0]) == left[-1] and left[0] not in inner and left[-1] not in inner:
        left = inner.strip()
    if not left:
        raise ValueError("the answer is empty")
    return left


def _without_thoughts(text: str) -> str:
    """Not by a regular expression, whose time would grow with the square of thoughts that don't end."""
    kept, at = [], 0
    while (opened := text.find(_OPEN, at)) >= 0 and (closed := text.find(_CLOSE, opened)) >= 0:
        kept.append(text[at:opened])
        at = closed + len(_CLOSE)
    left = "".join([*kept, text[at:]])
    if _OPEN in left or _CLOSE in left:
        raise ValueError("the answer is a thought without an end")
    return left


def one_line(text: str) -> str:
    """`text` with every run of white space as one space."""
    return " ".join(text.split())
