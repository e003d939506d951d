"""The official protocol, quirks included: what one process of ELLA's `dpg_bench/compute_dpg_bench.py` computes.

Source: https://github.com/TencentQQGYLab/ELLA at commit 3c228f1. What is peculiar to it:

- the first row of the question file is skipped, so the first prompt loses a question, and is dropped
  altogether where another of its questions asks for that one's score;
- parents gate their children in row order and in place, so a parent in a later row gates with its raw answer;
- categories count the raw answers about the last image alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

from dpg_bench.records import AnswerTable, Prompt, Question, Suite
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


class _ParentMissingError(Exception):
    """A question's parent was looked up and isn't there; the official script drops the whole item."""

    def __init__(self, question: int, parent: int) -> None:
        super().__init__(question, parent)
        self.question = question
        self.parent = parent


def official_scores(
    suite: Suite,
    answers: AnswerTable,
    *,
    images_per_prompt: int,
    item_ids: Iterable[str] | None = None,
    failures: Mapping[str, str] | None = None,
    missing: Mapping[str, str] | None = None,
) -> ProtocolResult:
    """Answers → item scores and categories under the official protocol.

    `item_ids` are the items that the run set out to make (None: the whole suite); the skipped row is the suite's
    first in any case. `failures` maps items that are known to have failed to the reason, `missing` those
    whose images aren't there. An item is left out if it is one of these, lacks an answer, or would have made the
    official script drop it.

    Raises BadInputError for an item that the suite doesn't have.
    """
    first = next((prompt for prompt in suite.prompts if prompt.questions), None)

    def score(prompt: Prompt) -> ItemScore | Exclusion:
        gap = known_gap(prompt.item_id, failures=failures, missing=missing)
        if gap is not None:
            return gap
        rows = prompt.questions[1:] if prompt is first else prompt.questions
        if not rows:
            reason = (
                "its only question is the suite's first row, which is skipped" if prompt is first else "no questions"
            )
            return Exclusion(prompt.item_id, reason, "protocol")
        return _score_item(prompt, rows, answers.get(prompt.item_id, {}), images=images_per_prompt)

    return score_prompts(expected_prompts(suite, item_ids), score)


def _score_item(
    prompt: Prompt, rows: Sequence[Question], answers: Mapping[int, Mapping[int, str]], *, images: int
) -> ItemScore | Exclusion:
    counted = []
    said_yes: set[int] = set()
    for image in range(images):
        missing = missing_answers(rows, answers, image=image)
        if missing:
            return Exclusion(prompt.item_id, missing, "missing")
        said_yes = yes_ids(answers[image])
        try:
            counted.append(_count_gated(rows, said_yes))
        except _ParentMissingError as error:
            skipped = rows is not prompt.questions and error.parent == prompt.questions[0].proposition_id
            why = "the suite's first row, which is skipped" if skipped else "which has no row"
            reason = f"question {error.question} depends on question {error.parent}, {why}"
            return Exclusion(prompt.item_id, reason, "protocol")
    return item_score(prompt, rows, counted=counted, said_yes=[said_yes])


def _count_gated(rows: Sequence[Question], said_yes: Collection[int]) -> int:
    holds = {row.proposition_id: row.proposition_id in said_yes for row in rows}
    for row in rows:
        for parent in row.parents:
            if parent not in holds:
                raise _ParentMissingError(row.proposition_id, parent)
            if not holds[parent]:
                holds[row.proposition_id] = False
                # Parents after this one are never looked up, so one without a row does no harm there.
                break
    return sum(holds.values())
