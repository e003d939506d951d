"""The scored items: as arrays, which statistics, comparisons and reports work on, and as the columns of a scorecard.

Columns rather than rows: 1065 items with their categories under both protocols take a quarter of a megabyte, and
each column is one line of the file.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated, Self, TypeAlias

import numpy as np
import numpy.typing as npt
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, model_validator

from dpg_bench.errors import BadInputError
from dpg_bench.records import AnswerTable, Suite
from dpg_bench.score.protocols.base import ItemScore, Tally

Array: TypeAlias = npt.NDArray[np.float64]
Percentage = Annotated[float, Field(ge=0, le=100)]
Count = Annotated[int, Field(ge=0)]

_NO_ANSWERS = Tally(yes=0, answers=0, questions=0)


class Card(BaseModel):
    """A part of a scorecard: frozen, and nothing unknown or impossible gets in."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, allow_inf_nan=False, populate_by_name=True)


@dataclass(frozen=True, slots=True)
class Tallies:
    """A category's raw answers, [items]: how many were yes, of how many; 0 of 0 for items without the category."""

    yes: Array
    answers: Array

    @property
    def score(self) -> float | None:
        """The category's score over these items, 0 to 100; None over no answers."""
        total = float(self.answers.sum())
        return 100 * float(self.yes.sum()) / total if total else None


@dataclass(frozen=True)
class ItemScores:
    """The scored items of one protocol, in suite order.

    `images` [items, images] are the images' scores, 0 to 100. `l1` and `l2` hold the raw answers that the protocol
    counts by category.
    """

    item_ids: tuple[str, ...]
    images: Array
    l1: Mapping[str, Tallies]
    l2: Mapping[str, Tallies]

    @cached_property
    def scores(self) -> Array:
        """The items' scores, [items], 0 to 100."""
        return np.asarray(self.images.mean(axis=1))

    @property
    def overall(self) -> float | None:
        """The mean over the items, 0 to 100; None if there are none."""
        return float(self.scores.mean()) if self.item_ids else None

    def select(self, item_ids: Sequence[str]) -> ItemScores:
        """These items alone, in the order given. Raises KeyError for one that isn't scored."""
        places = {item_id: place for place, item_id in enumerate(self.item_ids)}
        rows = np.array([places[item_id] for item_id in item_ids], dtype=np.intp)
        return ItemScores(
            item_ids=tuple(item_ids),
            images=self.images[rows],
            l1={name: Tallies(one.yes[rows], one.answers[rows]) for name, one in self.l1.items()},
            l2={name: Tallies(one.yes[rows], one.answers[rows]) for name, one in self.l2.items()},
        )


class CategoryColumns(Card):
    """A level-2 category item by item: how many raw answers were yes, of how many; `l1` is the category above it."""

    l1: str
    yes: tuple[Count, ...]
    answers: tuple[Count, ...]


class ItemColumns(Card):
    """The items that a protocol scored, in suite order; every column has one entry per item.

    `counted` are the questions that count in each of the item's images, of `questions`. `categories` are by
    level-2 name.
    """

    item_id: tuple[str, ...]
    questions: tuple[Annotated[int, Field(ge=1)], ...]
    counted: tuple[tuple[Count, ...], ...]
    categories: dict[str, CategoryColumns]

    @model_validator(mode="after")
    def _columns_fit(self) -> Self:
        rows = len(self.item_id)
        columns = [self.questions, self.counted]
        for category in self.categories.values():
            columns += [category.yes, category.answers]
        if any(len(column) != rows for column in columns) or len({len(images) for images in self.counted}) > 1:
            raise ValueError("the columns are not equally long")
        if len(set(self.item_id)) != rows:
            raise ValueError("an item is there twice")
        return self


_LARGEST_DECIMAL = 1 << 1024


def _from_hex(value: object) -> object:
    return int(value, 16) if isinstance(value, str) and re.fullmatch(r"0x[0-9a-f]+", value) else value


def _as_written(bits: int) -> int | str:
    return bits if bits < _LARGEST_DECIMAL else hex(bits)


Bits = Annotated[int, Field(ge=0), BeforeValidator(_from_hex), PlainSerializer(_as_written)]
"""A number of any length; one that is too long to be written in decimal digits is a text, `0x…`."""


class AnswerBits(Card):
    """Every answer about the items that the corrected protocol scores; one entry per such item, in suite order.

    `yes` has a number for each image: its bit k, from the lowest, is 1 if the item's k-th question in suite order
    was answered yes. `propositions` names the proposition ids of items where they are not 1, 2, 3, and so on.
    """

    yes: tuple[tuple[Bits, ...], ...]
    propositions: dict[str, tuple[int, ...]]


def item_columns(suite: Suite, items: Sequence[ItemScore]) -> ItemColumns:
    """Scored items → columns.

    Raises BadInputError if the suite has a level-2 category under two level-1 categories.
    """
    above: dict[str, str] = {}
    for prompt in suite.prompts:
        for question in prompt.questions:
            if above.setdefault(question.category, question.category_broad) != question.category_broad:
                raise BadInputError(
                    f"The suite '{suite.name}' has the category '{question.category}' under "
                    f"'{above[question.category]}' and, in item '{prompt.item_id}', under '{question.category_broad}'."
                )
    categories = {}
    for name in sorted({name for item in items for name in item.l2}):
        tallies = [item.l2.get(name, _NO_ANSWERS) for item in items]
        categories[name] = CategoryColumns(
            l1=above[name],
            yes=tuple(tally.yes for tally in tallies),
            answers=tuple(tally.answers for tally in tallies),
        )
    return ItemColumns(
        item_id=tuple(item.item_id for item in items),
        questions=tuple(item.questions for item in items),
        counted=tuple(item.counted for item in items),
        categories=categories,
    )


def item_scores(columns: ItemColumns) -> ItemScores:
    """Columns → arrays."""
    rows = len(columns.item_id)
    counted = np.array(columns.counted, dtype=np.float64).reshape(rows, -1 if rows else 1)
    l2 = {
        name: Tallies(np.array(column.yes, dtype=np.float64), np.array(column.answers, dtype=np.float64))
        for name, column in columns.categories.items()
    }
    l1: dict[str, Tallies] = {}
    for name, column in columns.categories.items():
        so_far = l1.get(column.l1, Tallies(np.zeros(rows), np.zeros(rows)))
        l1[column.l1] = Tallies(so_far.yes + l2[name].yes, so_far.answers + l2[name].answers)
    return ItemScores(
        item_ids=columns.item_id,
        images=100 * counted / np.array(columns.questions, dtype=np.float64)[:, None],
        l1=l1,
        l2=l2,
    )


def answer_bits(suite: Suite, answers: AnswerTable, item_ids: Sequence[str], *, images_per_prompt: int) -> AnswerBits:
    """The answers about `item_ids`, each of which must have them all."""
    yes = []
    propositions = {}
    for item_id in item_ids:
        ids = tuple(question.proposition_id for question in suite.by_id[item_id].questions)
        given = answers[item_id]
        yes.append(
            tuple(
                sum(1 << place for place, proposition_id in enumerate(ids) if given[image][proposition_id] == "yes")
                for image in range(images_per_prompt)
            )
        )
        if ids != tuple(range(1, len(ids) + 1)):
            propositions[item_id] = ids
    return AnswerBits(yes=tuple(yes), propositions=propositions)


def answered_yes(bits: AnswerBits, columns: ItemColumns) -> Iterator[tuple[str, Mapping[int, tuple[bool, ...]]]]:
    """For each item of the corrected protocol's `columns`: whether each image's answer was yes, by proposition id."""
    for item_id, count, images in zip(columns.item_id, columns.questions, bits.yes, strict=True):
        ids = bits.propositions.get(item_id, range(1, count + 1))
        yield item_id, {i: tuple(bool(image >> place & 1) for image in images) for place, i in enumerate(ids)}
