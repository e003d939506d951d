"""How much of its suite a score is about: said beside the number wherever it goes, unless it is all of it."""

from __future__ import annotations

from dpg_bench.report.runs import JudgedRun, Protocol


def prompts_behind(run: JudgedRun, protocol: Protocol) -> str:
    """`50 of 1065 prompts`; empty if the run is about the whole suite, and everything that can be scored is.

    What the protocol itself leaves out, as the official one does the suite's first question, is no gap.
    """
    card = run.protocol(protocol)
    if card.complete and card.partial is None:
        return ""
    return f"{card.prompts_scored} of {run.card.suite.prompts} prompts"
