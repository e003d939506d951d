"""What vision-language models are asked, and what of their answers is yes and what no.

As public evaluations do it: the question, then a request to answer with yes or no only; one token; P(yes) from the
probabilities of that token, summed over its spellings (Yes, yes, " Yes", …).
"""

from __future__ import annotations

import math
from collections.abc import Iterable

REQUEST = "Answer with yes or no only."
ANSWERS = ("yes", "no")

_AROUND = " \t\r\n\"'`.!,*"
_DECIMALS = 6
"""Of P(yes): what float32 tells apart."""


def asked(question: str) -> str:
    """What a model is asked."""
    return f"{question}\n{REQUEST}"


def answer_of(text: str) -> str | None:
    """`yes` or `no`, in any case and among quotes and full stops; None for anything else."""
    word = text.strip(_AROUND).casefold()
    return word if word in ANSWERS else None


def share_of_yes(log_yes: float, log_no: float) -> float | None:
    """P(yes) / (P(yes) + P(no)) from the logarithms of both; None if neither has any probability.

    >>> share_of_yes(-1.0, -1.0)
    0.5
    """
    if log_yes == log_no == -math.inf:
        return None
    return round(1 / (1 + math.exp(min(log_no - log_yes, 700.0))), _DECIMALS)


def log_sum(values: Iterable[float]) -> float:
    """The logarithm of the sum of probabilities, of which `values` are the logarithms; -inf for none."""
    found = list(values)
    largest = max(found, default=-math.inf)
    return largest if largest == -math.inf else largest + math.log(sum(math.exp(value - largest) for value in found))


def left_open(text: str) -> str:
    """Why a reply is no answer."""
    said = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return f"the judge said neither yes nor no but '{said:.80}'"
