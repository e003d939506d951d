"""The records that every station shares: prompts with their question graphs, and the answers about their images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Question:
    """One yes/no question of a prompt's graph.

    `proposition_id` is unique within the item, from 1. `parents` are the proposition ids that must
    hold for this question to make sense; empty for a root (`0` in the files). `category_broad` is the
    level-1 category (`entity`); `category` the level-2 category as the official script keys it
    (`entity - whole`, and `global -` where there is no level 2).
    """

    proposition_id: int
    parents: tuple[int, ...]
    category_broad: str
    category: str
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A dense prompt and its questions in row order. `questions` is empty for a bare folder of prompts."""

    item_id: str
    text: str
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Suite:
    """Prompts in the order of their file. `name` is what the user typed, `source` where it came from."""

    name: str
    source: str
    prompts: tuple[Prompt, ...]

    @cached_property
    def digest(self) -> str:
        """SHA-256 (hex) of the content alone: equal for the same prompts in CSV and in Hugging Face form."""
        content = [
            [
                p.item_id,
                p.text,
                [[q.proposition_id, q.parents, q.category_broad, q.category, q.text] for q in p.questions],
            ]
            for p in self.prompts
        ]
        return hashlib.sha256(json.dumps(content, ensure_ascii=True, separators=(",", ":")).encode()).hexdigest()

    @cached_property
    def by_id(self) -> dict[str, Prompt]:
        """The prompts by item id, in suite order."""
        return {prompt.item_id: prompt for prompt in self.prompts}

    @property
    def question_count(self) -> int:
        """The number of questions of all prompts."""
        return sum(len(prompt.questions) for prompt in self.prompts)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a judge says to one question about one image.

    `text` is the answer; the protocols ask whether it is `yes`. `p_yes`, 0 to 1, is P(yes) / (P(yes) + P(no)) where the
    answer begins, `log_prob` the log-probability of the whole answer as the judge ranks answers by it (for mPLUG
    divided by its length penalty); None for a judge that can't tell.
    """

    text: str
    p_yes: float | None = None
    log_prob: float | None = None


AnswerTable: TypeAlias = Mapping[str, Mapping[int, Mapping[int, str]]]
"""Answers by item id, image (from 0) and proposition id: what the protocols score."""

PYesTable: TypeAlias = Mapping[str, Mapping[int, Mapping[int, float]]]
"""P(yes) by item id, image (from 0) and proposition id, as far as the judge gave it."""
