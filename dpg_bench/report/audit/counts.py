"""How many questions each category has in a complete run of the official script: what published shares divide by."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from dpg_bench.records import Suite
from dpg_bench.report.rows import CATEGORIES
from dpg_bench.score.protocols.official import official_scores


@dataclass(frozen=True, slots=True)
class QuestionCounts:
    """Questions by level-1 category, and where the numbers come from."""

    questions: Mapping[str, int]
    source: str


RECORDED = QuestionCounts(
    questions={"global": 329, "other": 250},
    source="recorded from a public log of one process; the other categories' counts are known with the suite alone",
)
"""Of DPG-Bench. With 330 or 251 instead, not one published (global, other) pair would be possible."""


def count_questions(suite: Suite) -> QuestionCounts:
    """The counts under the official protocol, which skips the first row, and drops the prompts that need it.

    Categories that DPG-Bench doesn't have are left out.
    """
    answers = {
        prompt.item_id: {0: {question.proposition_id: "yes" for question in prompt.questions}}
        for prompt in suite.prompts
    }
    l1 = official_scores(suite, answers, images_per_prompt=1).l1
    questions = {name: l1[name].questions for name in CATEGORIES if name in l1 and l1[name].questions}
    return QuestionCounts(questions, f"suite {suite.name}")
