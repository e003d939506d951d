"""Answers in the form in which DSG releases them (j-min/DSG at 7330119, `vqa_answers_release`).

One row per question about the one image that each text-to-image model made of a prompt: `item_id`, `question_id`,
`question`, `answer`, and the model in `t2i_model`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.answer_lines import AnswerLine
from dpg_bench.files.reading import CsvTable


def dsg_lines(path: Path, table: CsvTable, where: Mapping[str, str]) -> Iterator[tuple[str, AnswerLine]]:
    """The answers of the rows that have the values of `where`, with their places.

    Raises BadInputError for a missing column, an empty id, and rows that say two things about one image: those of
    several models.
    """
    for name in ("item_id", "answer"):
        if name not in table.header:
            raise BadInputError(f"{path} lacks the column '{name}'.")
    seen: dict[tuple[str, int, int], Mapping[str, str]] = {}
    for row in table.rows:
        cells = {name: cell.strip() for name, cell in row.cells.items()}
        if any(cells[name] != value for name, value in where.items()):
            continue
        item_id, number = filled(row.place, "item_id", cells), whole_number(row.place, "question_id", cells)
        image = whole_number(row.place, "image", cells) if "image" in cells else 0
        before = seen.setdefault((item_id, number, image), cells)
        if before is not cells:
            _refuse_second(path, row.place, before, cells)
        line = AnswerLine(
            item_id=item_id,
            image=image,
            proposition_id=number,
            question=cells.get("question") or None,
            answer=cells["answer"],
        )
        yield row.place, line


def _refuse_second(path: Path, place: str, before: Mapping[str, str], cells: Mapping[str, str]) -> None:
    differing = [name for name in cells if cells[name] != before[name] and name not in ("answer", "image")]
    if not differing:
        return  # the same row again, or another answer, which is refused where answers are gathered
    name = "t2i_model" if "t2i_model" in differing else differing[0]
    raise BadInputError(
        f"{path} has answers of several kinds: at {place} '{name}' is '{cells[name]}', about a question that was "
        f"answered for '{before[name]}' too. Choose one: {option('where', f'{name}={before[name]}')}."
    )


def filled(place: str, column: str, cells: Mapping[str, str]) -> str:
    """A cell that must not be empty. Raises BadInputError, saying where, if it is."""
    if not cells[column]:
        raise BadInputError(f"{place}: the {column} is empty. Fill it in, or delete the row.")
    return cells[column]


def whole_number(place: str, column: str, cells: Mapping[str, str]) -> int:
    """A cell that must hold a whole number from 0. Raises BadInputError, saying where, if it doesn't."""
    cell = filled(place, column, cells)
    if not re.fullmatch(r"[0-9]{1,9}(\.0*)?", cell):  # data frames write 1.0 where a cell of the column was empty
        raise BadInputError(f"{place}: the {column} is {cell[:40]!r}, not a whole number from 0.")
    return int(cell.partition(".")[0])
