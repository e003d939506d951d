"""The wording of questions; a scorecard names them by number alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from dpg_bench.records import Suite

QuestionTexts: TypeAlias = Mapping[tuple[str, int], str]
"""Questions by item id and proposition id."""


def question_texts(suite: Suite) -> QuestionTexts:
    """The questions of `suite`."""
    return {(prompt.item_id, q.proposition_id): q.text for prompt in suite.prompts for q in prompt.questions}
