"""A suite of a user's own prompts in DPG-Bench's form, with who made the questions in columns of their own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass

from dpg_bench.suite.rows import broad_category

COLUMNS = (
    *("item_id", "text", "keywords", "proposition_id", "dependency", "category_broad", "category_detailed", "tuple"),
    *("question_natural_language", "model", "revision", "sampling", "recipe"),
)


@dataclass(frozen=True, slots=True)
class GraphRow:
    """One question: its number within the item, the numbers it hangs on, its level-2 category, tuple and wording."""

    item_id: str
    text: str
    number: int
    parents: tuple[int, ...]
    category: str
    fact: str
    question: str


@dataclass(frozen=True, slots=True)
class Origin:
    """Who made the questions: the language model, what tells its weights, how it was sampled (JSON) and asked."""

    model: str
    revision: str
    sampling: str
    recipe: str


def graphs_to_csv(rows: Iterable[GraphRow], origin: Origin) -> str:
    """The content of the file, a header first."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for row in rows:
        dependency = ",".join(map(str, row.parents)) or "0"
        detailed = row.category.partition("-")[2].strip()
        about = (broad_category(row.category), detailed, row.fact, row.question)
        made = (origin.model, origin.revision, origin.sampling, origin.recipe)
        writer.writerow((row.item_id, row.text, "", row.number, dependency, *about, *made))
    return text.getvalue()
