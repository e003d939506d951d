"""Question rows, one per yes/no question, and how they become prompts with checked question graphs.

Every form of a suite (CSV, Hugging Face) is read into these rows. They are read in one of two ways. Strict, for
users' files: what looks like a mistake is an error that names file, row and column. Not strict, for the official
data, whose content is pinned by its digest: whatever the official script accepts is loaded as that script sees it
(`prepare_dpg_data` of dpg_bench/compute_dpg_bench.py in TencentQQGYLab/ELLA at 3c228f1). The script itself shows how
far that can go: it would stop at a proposition id or a parent that is no integer, and at an empty dependency or
question, so the file it runs on holds none of these; an empty category, a parent without a row, an id given twice
and an item whose rows lie apart it takes in its stride.

Cycles and questions that depend on themselves are legal in both: the two protocols say what they mean.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dpg_bench.errors import BadInputError
from dpg_bench.files.item_names import file_stem
from dpg_bench.records import Prompt, Question

COLUMNS = ("item_id", "text", "proposition_id", "dependency", "category_broad", "tuple", "question_natural_language")
"""The columns that must be there. The official file has two more that say nothing new: the always empty `keywords`,
and `category_detailed`, which `tuple` repeats."""

_NUMBER = re.compile(r"[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class QuestionRow:
    """One question with its prompt, and `place`, where it was read, for messages (`my.csv, row 7`)."""

    place: str
    item_id: str
    text: str
    question: Question


def question_row(cells: Mapping[str, str], place: str, *, strict: bool) -> QuestionRow:
    """The row that holds `cells`, by column name.

    The category is the text of `tuple` before its bracket, as in the official script; a form without tuples
    leaves the column out and gives `category_broad` and `category_detailed` instead. The level-1 category is what
    comes before the category's dash, as in the official script too.

    Raises BadInputError for an id that is no positive integer, a parent that is no integer and, if `strict`, for
    an empty cell or a tuple that begins with no category.
    """
    if strict:
        for column in COLUMNS:
            if column in cells and not cells[column].strip():
                raise BadInputError(f"{place}, column '{column}': the cell is empty.")
    if "tuple" in cells:
        category = cells["tuple"].partition("(")[0].strip()
    else:
        category = f"{cells['category_broad']} - {cells['category_detailed']}".strip()
    broad = category.partition("-")[0].strip()
    if strict and not broad:
        raise BadInputError(
            f"{place}, column 'tuple': '{cells.get('tuple', category)}' begins with no category. "
            "Write it as 'entity - whole (car)'."
        )
    question = Question(
        proposition_id=_proposition_id(cells["proposition_id"], place),
        parents=_parents(cells["dependency"], place),
        category_broad=broad,
        category=category,
        text=cells["question_natural_language"],
    )
    return QuestionRow(place, cells["item_id"], cells["text"], question)


def assemble_prompts(rows: Iterable[QuestionRow], *, strict: bool) -> tuple[Prompt, ...]:
    """The prompts of `rows`, in the order in which their items first appear.

    Not strict, as in the official script: an item that comes back later replaces its earlier rows, a proposition id
    given twice keeps its place and takes the later question, and a parent without a row stays named in `parents`.

    Raises BadInputError for an item id that can't name a file and, if `strict`, for an item whose rows lie apart,
    whose text differs between rows, that gives a proposition id twice or that depends on a row that isn't there.
    """
    items: dict[str, list[QuestionRow]] = {}
    previous: QuestionRow | None = None
    for row in rows:
        if previous is None or row.item_id != previous.item_id:
            if strict and row.item_id in items:
                raise BadInputError(
                    f"{row.place}, column 'item_id': '{row.item_id}' was last seen at {items[row.item_id][-1].place}, "
                    "with other items between. Put the rows of an item together."
                )
            items[row.item_id] = []
        items[row.item_id].append(row)
        previous = row
    return tuple(_prompt(item_rows, strict=strict) for item_rows in items.values())


def check_item_id(item_id: str, place: str) -> None:
    """Raises BadInputError, saying where, for an item id that can't name an image file."""
    try:
        file_stem(item_id)
    except BadInputError as error:
        raise BadInputError(f"{place}, column 'item_id': {error}") from None


def _prompt(rows: list[QuestionRow], *, strict: bool) -> Prompt:
    first = rows[0]
    check_item_id(first.item_id, first.place)
    if strict:
        _check_rows(rows)
    questions = {row.question.proposition_id: row.question for row in rows}
    return Prompt(first.item_id, first.text, tuple(questions.values()))


def _check_rows(rows: list[QuestionRow]) -> None:
    first = rows[0]
    seen: dict[int, QuestionRow] = {}
    for row in rows:
        if row.text != first.text:
            raise BadInputError(
                f"{row.place}, column 'text': item '{row.item_id}' has another text here than at {first.place}. "
                "All rows of an item carry the same prompt."
            )
        twin = seen.setdefault(row.question.proposition_id, row)
        if twin is not row:
            raise BadInputError(
                f"{row.place}, column 'proposition_id': {row.question.proposition_id} is taken by {twin.place}. "
                f"Each question of item '{row.item_id}' needs an id of its own."
            )
    for row in rows:
        for parent in row.question.parents:
            if parent not in seen:
                raise BadInputError(
                    f"{row.place}, column 'dependency': item '{row.item_id}' has no proposition {parent}. "
                    "Name one of its proposition ids, or 0 for none."
                )


def _proposition_id(cell: str, place: str) -> int:
    if not _NUMBER.fullmatch(cell.strip()):
        raise BadInputError(f"{place}, column 'proposition_id': '{cell}' is no whole number.")
    number = int(cell)
    if number == 0:
        raise BadInputError(f"{place}, column 'proposition_id': ids start at 1; 0 stands for 'no parent'.")
    return number


def _parents(cell: str, place: str) -> tuple[int, ...]:
    parts = [part.strip() for part in cell.split(",")]
    if not all(_NUMBER.fullmatch(part) for part in parts):
        raise BadInputError(
            f"{place}, column 'dependency': '{cell}' is no list of proposition ids. "
            "Write them with commas between, or 0 for none."
        )
    return tuple(number for number in map(int, parts) if number != 0)
