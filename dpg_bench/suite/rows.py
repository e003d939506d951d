"""Question rows, one per yes/no question, and how they become prompts with question graphs.

Every form of a suite (CSV, JSON, Hugging Face) is read into these rows, and they become prompts in one of two ways.
Users' files, which people wrote by hand, are mended where they are odd, or refused (`dpg_bench.suite.mending`). The
official data, whose content is pinned by its digest, is loaded as the official script sees it (`prepare_dpg_data` of
dpg_bench/compute_dpg_bench.py in TencentQQGYLab/ELLA at 3c228f1). The script itself shows how far that can go: it
would stop at a proposition id or a parent that is no integer, and at an empty dependency or question, so the file it
runs on holds none of these; an empty category, a parent without a row, an id given twice and an item whose rows lie
apart it takes in its stride.

Cycles are legal in both: the two protocols say what they mean.
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

NUMBER = re.compile(r"[0-9]{1,9}")
LONGEST_TEXT = 131_072
"""Characters of a prompt or a question; what reads CSV takes no longer cell either."""
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of one question, by column name, and `place`, where it was read, for messages (`my.csv, row 7`).

    A form without tuples leaves `tuple` out and gives `category_detailed` instead.
    """

    place: str
    cells: Mapping[str, str]


def category_of(cells: Mapping[str, str]) -> str:
    """The level-2 category: the text of `tuple` before its bracket, as in the official script."""
    if "tuple" in cells:
        return cells["tuple"].partition("(")[0].strip()
    return f"{cells['category_broad']} - {cells['category_detailed']}".strip()


def broad_category(category: str) -> str:
    """The level-1 category: what comes before the category's dash, as in the official script."""
    return category.partition("-")[0].strip()


def official_prompts(rows: Iterable[Row]) -> tuple[Prompt, ...]:
    """The prompts of verified official rows, in the order in which their items first appear.

    An item that comes back later replaces its earlier rows, a proposition id given twice keeps its place and takes
    the later question, and a parent without a row stays named in `parents`.

    Raises BadInputError for an id that is no positive integer, a parent that is no integer, or an item id that can't
    name a file.
    """
    texts: dict[str, str] = {}
    questions: dict[str, dict[int, Question]] = {}
    previous: str | None = None
    for row in rows:
        item_id = row.cells["item_id"]
        if item_id != previous:
            check_item_id(item_id, row.place)
            texts[item_id], questions[item_id] = row.cells["text"], {}
        question = _question(row)
        questions[item_id][question.proposition_id] = question
        previous = item_id
    return tuple(Prompt(item_id, text, tuple(questions[item_id].values())) for item_id, text in texts.items())


def check_item_id(item_id: str, place: str) -> None:
    """Raises BadInputError, saying where, for an item id that can't name an image file, or holds a line break.

    Messages and tables name items, and one over several lines could look like another message.
    """
    if found := _CONTROL.search(item_id):
        raise BadInputError(
            f"{place}, column 'item_id': {item_id[:60]!r} holds the control character {found[0]!r}. Rename the item."
        )
    try:
        file_stem(item_id)
    except BadInputError as error:
        raise BadInputError(f"{place}, column 'item_id': {error}") from None


def check_length(text: str, place: str) -> None:
    """Raises BadInputError, saying where, for a prompt or a question that is longer than any cell of a CSV may be."""
    if len(text) > LONGEST_TEXT:
        raise BadInputError(f"{place}: a text has {len(text)} characters, more than the {LONGEST_TEXT} that are read.")


def _question(row: Row) -> Question:
    category = category_of(row.cells)
    numbers = [part.strip() for part in (row.cells["proposition_id"], *row.cells["dependency"].split(","))]
    if not all(NUMBER.fullmatch(number) for number in numbers) or int(numbers[0]) == 0:
        raise BadInputError(
            f"{row.place}: the proposition id '{row.cells['proposition_id']}' and the dependency "
            f"'{row.cells['dependency']}' are not numbers as in the official file."
        )
    return Question(
        proposition_id=int(numbers[0]),
        parents=tuple(number for number in map(int, numbers[1:]) if number != 0),
        category_broad=broad_category(category),
        category=category,
        text=row.cells["question_natural_language"],
    )
