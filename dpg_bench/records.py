"""The records that every station shares: prompts with their question graphs, and the answers about their images."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Question:
    """One yes/no question of a prompt's graph.

    `proposition_id` is unique within the item, from 1. `parents` are the proposition ids that must
    hold for this question to make sense; empty for a root (`0` in the files). `category_broad` is the
    level-1 category (`entity`); `category` the level-2 category as the official script keys it
    (`entity - whole`, and `global -` where there is no level 2).

    >>> import dpg_bench as dpg
    >>> is_red = dpg.Question(2, (1,), "attribute", "attribute - color", "Is the car red?")
    >>> is_red.parents
    (1,)
    """

    proposition_id: int
    parents: tuple[int, ...]
    category_broad: str
    category: str
    text: str


@dataclass(frozen=True, slots=True)
class Prompt:
    """A dense prompt and its questions in row order. `questions` is empty for a bare folder of prompts.

    >>> import dpg_bench as dpg
    >>> dpg.Prompt("car", "A red car, parked.", ()).item_id
    'car'
    """

    item_id: str
    text: str
    questions: tuple[Question, ...]


@dataclass(frozen=True, slots=True)
class Mend:
    """An odd place in a suite's file, and what was made of it; `kind` is one of `dpg_bench.suite.mending`'s."""

    kind: str
    place: str
    item_id: str
    found: str
    made: str

    def __str__(self) -> str:
        """In words, as records keep it."""
        return f"{self.place}, item '{self.item_id}': {self.found}: {self.made}"


@dataclass(frozen=True)
class Suite:
    """Prompts in the order of their file. `name` is what the user typed, `source` where it came from.

    `mends` are the odd places of the file that were not taken as they stand, `whole` the suite that this one is a
    selection of (`select`).

    >>> import dpg_bench as dpg
    >>> suite = dpg.load_suite("sample")
    >>> few = suite.select(6, seed=0)
    >>> len(few), few == suite.select(6, seed=0), few.whole == suite
    (6, True, True)
    """

    name: str
    source: str
    prompts: tuple[Prompt, ...]
    mends: tuple[Mend, ...] = ()
    whole: Suite | None = None

    def __iter__(self) -> Iterator[Prompt]:
        """The prompts, one after another."""
        return iter(self.prompts)

    def __len__(self) -> int:
        """The number of prompts."""
        return len(self.prompts)

    def select(self, n: int, *, seed: int = 0) -> Suite:
        """`n` of the prompts, in suite order: always the same ones, and spread over the level-2 categories.

        They are taken one by one, each time the next prompt, in an order shuffled by SHA-256 of (`seed`, item id), that
        asks about the category of which the smallest share is there so far. So a larger selection by the same seed
        holds a smaller one. All prompts if there are no more than `n`.

        Raises ValueError if `n` is not positive.
        """
        if n < 1:
            raise ValueError(f"a selection needs at least 1 prompt, not {n}")
        order = sorted(self.prompts, key=lambda p: hashlib.sha256(f"{seed}\n{p.item_id}".encode()).digest())
        asked = {p.item_id: Counter(q.category for q in p.questions) for p in order}
        totals = sum(asked.values(), Counter[str]())
        waiting = {c: [p for p in reversed(order) if c in asked[p.item_id]] for c in sorted(totals)}
        have = Counter[str]()
        chosen: dict[str, Prompt] = {}
        while waiting and len(chosen) < n:
            rarest = min(waiting, key=lambda category: have[category] / totals[category])
            prompt = waiting[rarest].pop()
            if not waiting[rarest]:
                del waiting[rarest]
            if prompt.item_id not in chosen:
                chosen[prompt.item_id] = prompt
                have += asked[prompt.item_id]
        for prompt in order:  # those that ask nothing
            if len(chosen) < n:
                chosen.setdefault(prompt.item_id, prompt)
        prompts = tuple(prompt for prompt in self.prompts if prompt.item_id in chosen)
        return replace(self, prompts=prompts, whole=self.whole or self)

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
    divided by its length penalty); None for a judge that can't tell. `missing` says why there is no answer, for a judge
    that said neither yes nor no where only these count, or could not be asked; then `text` is none.

    >>> import dpg_bench as dpg
    >>> dpg.Reply("yes", p_yes=0.98, log_prob=-0.02).text
    'yes'
    """

    text: str
    p_yes: float | None = None
    log_prob: float | None = None
    missing: str | None = None


AnswerTable: TypeAlias = Mapping[str, Mapping[int, Mapping[int, str]]]
"""Answers by item id, image (from 0) and proposition id: what the protocols score."""

PYesTable: TypeAlias = Mapping[str, Mapping[int, Mapping[int, float]]]
"""P(yes) by item id, image (from 0) and proposition id, as far as the judge gave it."""
