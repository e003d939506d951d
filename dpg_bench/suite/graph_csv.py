"""A suite of a user's own prompts in DPG-Bench's form, with who made the questions in columns of their own."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.files.formulas import guarded
from dpg_bench.files.reading import decoded, read_content, read_csv
from dpg_bench.records import Suite
from dpg_bench.suite.forms.file import load_file
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


@dataclass(frozen=True, slots=True)
class MadeGraphs:
    """A file of question graphs: the suite, what each question is about by item and number, and who made them."""

    suite: Suite
    facts: Mapping[tuple[str, int], str]
    origin: Origin


def read_graphs(path: Path) -> MadeGraphs:
    """What `graphs_to_csv` wrote.

    Raises BadInputError if the file can't be read, is another one, or has odd rows.
    """
    table = read_csv(decoded(read_content(path), str(path)), str(path))
    if missing := [name for name in COLUMNS if name not in table.header]:
        raise BadInputError(f"{path} has no column {', '.join(missing)}: it isn't a suite that `dpgbench graph` wrote.")
    rows = list(table.rows)
    suite = load_file(str(path), strict=True)
    origins = {Origin(*(row.cells[name] for name in ("model", "revision", "sampling", "recipe"))) for row in rows}
    if len(origins) != 1:
        raise BadInputError(f"{path} holds graphs that were made in {len(origins)} ways.")
    facts = {(row.cells["item_id"], int(row.cells["proposition_id"])): row.cells["tuple"] for row in rows}
    return MadeGraphs(suite, facts, origins.pop())


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
        cells = (row.item_id, row.text, "", str(row.number), dependency, *about, *made)
        writer.writerow(map(guarded, cells))
    return text.getvalue()
