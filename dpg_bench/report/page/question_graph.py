"""A prompt's questions as a graph: how deep each lies, and what became of it in each image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dpg_bench.records import Prompt
from dpg_bench.score.protocols.base import yes_ids
from dpg_bench.score.protocols.corrected import with_ancestors

COUNTS, NO, GATED_YES, GATED_NO, MISSING = "Y", "N", "y", "n", "-"
"""What became of a question: small letters were answered yes or no below an ancestor that does not hold."""


def depths(prompt: Prompt) -> dict[int, int]:
    """The length of the longest chain of parents above each question, by proposition id; 0 for a root.

    Questions on a cycle of dependencies, and those below one, share the row under all others. A dependency on a
    question that doesn't exist is ignored, as in the corrected protocol.
    """
    known = {question.proposition_id for question in prompt.questions}
    waiting = {question.proposition_id: known.intersection(question.parents) for question in prompt.questions}
    found: dict[int, int] = {}
    row = 0
    while waiting:
        ready = [proposition_id for proposition_id, parents in waiting.items() if parents <= found.keys()]
        for proposition_id in ready or list(waiting):
            found[proposition_id] = row
            del waiting[proposition_id]
        row += 1
    return found


def answer_states(prompt: Prompt, answers: Sequence[Mapping[int, str]]) -> str:
    """One letter per answer, image by image and within it in the order of the questions.

    `answers` are by proposition id, one for each image.
    """
    above = {one: needed - {one} for one, needed in with_ancestors(prompt).items()}
    letters = []
    for given in answers:
        yes = yes_ids(given)
        for question in prompt.questions:
            if question.proposition_id not in given:
                letters.append(MISSING)
                continue
            held = question.proposition_id in yes
            if above[question.proposition_id] <= yes:
                letters.append(COUNTS if held else NO)
            else:
                letters.append(GATED_YES if held else GATED_NO)
    return "".join(letters)
