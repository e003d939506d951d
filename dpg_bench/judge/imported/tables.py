"""Answers as tables: a CSV with a row per answer, in our own columns or in those of DSG's released files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

from dpg_bench.errors import BadInputError, unknown_name
from dpg_bench.files.answer_lines import AnswerLine
from dpg_bench.files.reading import CsvTable, read_csv, text_lines
from dpg_bench.judge.imported.dsg import dsg_lines, filled, whole_number

ANSWER_COLUMNS = ("item_id", "image", "proposition_id", "answer")
_KNOWN = (*ANSWER_COLUMNS, "question_id", "question")
_DELIMITERS = (",", ";", "\t", "|")


def answers_csv(path: Path, text: str) -> CsvTable:
    """CSV text as a table whose known columns have their own names, whatever their case.

    Raises BadInputError for text that is no such table.
    """
    first = next(line for line in text_lines(text) if line.strip())
    table = read_csv(text, str(path), delimiter=max(_DELIMITERS, key=first.count))
    if all(name == _known_name(name) for name in table.header):
        return table
    return replace(
        table,
        header=tuple(map(_known_name, table.header)),
        rows=(replace(row, cells={_known_name(name): cell for name, cell in row.cells.items()}) for row in table.rows),
    )


def is_free_form(table: CsvTable) -> bool:
    """Whether the table is one of DSG's, whose answers are what a judge said, word for word."""
    return "question_id" in table.header and "proposition_id" not in table.header


def table_lines(path: Path, table: CsvTable, where: Mapping[str, str]) -> Iterator[tuple[str, AnswerLine]]:
    """The answers of the rows that have the values of `where`, with their places.

    Raises BadInputError for a missing column, an empty cell and a number that is none, and what `dsg_lines` raises.
    """
    for name in where:
        if name not in table.header:
            raise unknown_name(f"column of {path}", name, table.header)
    if is_free_form(table):
        yield from dsg_lines(path, table, where)
        return
    absent = [name for name in ANSWER_COLUMNS if name not in table.header]
    if absent:
        raise BadInputError(f"{path} lacks the column '{absent[0]}'; needed are {','.join(ANSWER_COLUMNS)}.")
    for row in table.rows:
        cells = {name: cell.strip() for name, cell in row.cells.items()}
        if any(cells[name] != value for name, value in where.items()):
            continue
        yield (
            row.place,
            AnswerLine(
                item_id=filled(row.place, "item_id", cells),
                image=whole_number(row.place, "image", cells),
                proposition_id=whole_number(row.place, "proposition_id", cells),
                answer=cells["answer"],
            ),
        )


def _known_name(name: str) -> str:
    return name.lower() if name.lower() in _KNOWN else name
