"""How answers from elsewhere are spelled: what is a yes, what a no, what nothing at all.

Our own judge's answers and the official script's detail file are not read this way: there `yes` alone is a yes and
everything else a no, as in that script (`dpg_bench/compute_dpg_bench.py` in TencentQQGYLab/ELLA at 3c228f1).
"""

from __future__ import annotations

import re

_YES = ("yes", "y", "true", "t", "1", "1.0")
_NO = ("no", "n", "false", "f", "0", "0.0")
_NOTHING = ("", "nan", "na", "n/a", "none", "null", "<na>")
_AROUND = " \t\r\n\"'`.!*"
_SENTENCE = re.compile(r"(?P<answer>yes|no)\s*[,.;:!]\s*(?P<rest>.*)", re.DOTALL)


_COUNTS = (
    *("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"),
    *("many", "several", "nothing"),
)
_FREE = re.compile(rf"(?:no [a-z][a-z' -]*|{'|'.join(_COUNTS)})")


class NoAnswerError(ValueError):
    """The text says neither yes nor no."""


def is_free_text(text: str) -> bool:
    """Whether `text` is what mPLUG says in place of no: "no bus", or a number in words.

    The official script takes these for no, as all that isn't exactly `yes`. No spelling of yes is among them.
    """
    return _FREE.fullmatch(text.strip(_AROUND).casefold()) is not None


def read_answer(text: str) -> str | None:
    """`yes` or `no`, however spelled: in any case, with a full stop, as true or 1, before a comma and a reason.

    None for an empty cell, and for what programs write in place of one (`nan`, `null`).

    Raises NoAnswerError for a text that is no answer.
    """
    word = text.strip(_AROUND).casefold()
    if word in _NOTHING:
        return None
    if word in _YES:
        return "yes"
    if word in _NO:
        return "no"
    sentence = _SENTENCE.fullmatch(word)
    if sentence is not None and not re.search(r"\b(yes|no)\b", sentence["rest"]):
        return sentence["answer"]
    raise NoAnswerError(text)
