"""How much of its suite a score is about: said beside the number wherever it goes, unless it is all of it."""

from __future__ import annotations

from dpg_bench.errors import BadInputError, option
from dpg_bench.report.runs import PROTOCOLS, JudgedRun, Protocol


def prompts_behind(run: JudgedRun, protocol: Protocol) -> str:
    """`50 of 1065 prompts`; empty if the run is about the whole suite, and everything that can be scored is.

    What the protocol itself leaves out, as the official one does the suite's first question, is no gap.
    """
    card = run.protocol(protocol)
    if card.complete and card.partial is None:
        return ""
    return f"{card.prompts_scored} of {run.card.suite.prompts} prompts"


def check_scored(run: JudgedRun) -> None:
    """Raises BadInputError if neither protocol has an overall score, or one has none that it should have."""
    for protocol in PROTOCOLS:
        scores = run.protocol(protocol)
        if scores.overall is None and not scores.complete:
            raise BadInputError(
                f"{run.file} holds no overall score, since the run is incomplete: {scores.prompts_scored} of "
                f"{scores.prompts_expected} prompts are scored. Finish it, or score it with "
                f"{option('allow_missing', True)}."
            )
    if all(run.protocol(protocol).overall is None for protocol in PROTOCOLS):
        raise BadInputError(f"{run.file} holds no score: not one of its prompts has a question that is asked.")
