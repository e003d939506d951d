"""The corrected protocol: what DPG-Bench sets out to measure, without the official script's defects.

Every row is asked and counted. A question counts only if it and all its ancestors were answered yes, whatever
the order of the rows, cycles included. Categories count the raw answers about all images. A dependency on a
question that doesn't exist is ignored: nothing was asked that could deny it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from dpg_bench.errors import BadInputError
from dpg_bench.records import AnswerTable, Prompt, Suite
from dpg_bench.score.protocols.base import (
    Exclusion,
    ItemScore,
    ProtocolResult,
    expected_prompts,
    item_score,
    known_gap,
    missing_answers,
    score_prompts,
    yes_ids,
)

_MOST_ANCESTORS = 1_000_000
"""Of all questions of an item together; the benchmark's have a few dozen."""


def corrected_scores(
    suite: Suite,
    answers: AnswerTable,
    *,
    images_per_prompt: int,
    item_ids: Iterable[str] | None = None,
    failures: Mapping[str, str] | None = None,
    missing: Mapping[str, str] | None = None,
    never_asked: Mapping[str, str] | None = None,
) -> ProtocolResult:
    """Answers → item scores and categories under the corrected protocol.

    `item_ids` are the items that the run set out to make (None: the whole suite), `failures` maps items that are
    known to have failed to the reason, `missing` those whose images aren't there. `never_asked` does so for items
    that the program behind the answers never asks all questions of: if they lack answers, that doesn't make the
    run incomplete.

    Raises BadInputError for an item that the suite doesn't have.
    """
    unasked = never_asked or {}

    def score(prompt: Prompt) -> ItemScore | Exclusion:
        gap = known_gap(prompt.item_id, failures=failures, missing=missing)
        if gap is not None:
            return gap
        if not prompt.questions:
            return Exclusion(prompt.item_id, "no question", "protocol")
        given = answers.get(prompt.item_id, {})
        for image in range(images_per_prompt):
            lacking = missing_answers(prompt.questions, given, image=image)
            if lacking and prompt.item_id in unasked:
                return Exclusion(prompt.item_id, unasked[prompt.item_id], "protocol")
            if lacking:
                return Exclusion(prompt.item_id, lacking, "missing")
        said_yes = [yes_ids(given[image]) for image in range(images_per_prompt)]
        counted = [len(held_with_ancestors(prompt, yes)) for yes in said_yes]
        return item_score(prompt, prompt.questions, counted=counted, said_yes=said_yes)

    return score_prompts(expected_prompts(suite, item_ids), score)


def held_with_ancestors(prompt: Prompt, yes: Collection[int]) -> set[int]:
    """The proposition ids in `yes` all of whose ancestors are in it too, found by one walk along the graph's edges."""
    children: dict[int, list[int]] = {}
    for question in prompt.questions:
        for parent in question.parents:
            children.setdefault(parent, []).append(question.proposition_id)
    ids = {question.proposition_id for question in prompt.questions}
    denied = ids - set(yes)
    waiting = list(denied)
    while waiting:
        found = [child for child in children.get(waiting.pop(), ()) if child not in denied]
        denied.update(found)
        waiting.extend(found)
    return ids - denied


def with_ancestors(prompt: Prompt) -> dict[int, frozenset[int]]:
    """For each question of `prompt`, the proposition ids of itself and of all its ancestors.

    Raises BadInputError for a graph in which these are more than a million together.
    """
    left = _MOST_ANCESTORS
    parents = {question.proposition_id: question.parents for question in prompt.questions}
    closures = {}
    for proposition_id in parents:
        closure = {proposition_id}
        waiting = [proposition_id]
        while waiting:
            found = [parent for parent in parents[waiting.pop()] if parent in parents and parent not in closure]
            closure.update(found)
            waiting.extend(found)
        left -= len(closure)
        if left < 0:
            raise BadInputError(
                f"The questions of item '{prompt.item_id[:60]}' depend on each other in more than {_MOST_ANCESTORS} "
                "ways, more than can be worked out. Divide the item."
            )
        closures[proposition_id] = frozenset(closure)
    return closures
