"""Tables: CSV in the form of DPG-Bench's own `dpg_bench.csv`, one row per question, and what spreadsheets make of it.

DSG-1k and TIFA-style question files have the same columns. Rows are counted as spreadsheets count them: the header
is row 1, and blank lines don't count. Commas, semicolons or tabs stand between the cells, whichever makes the header.
"""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass

from dpg_bench.errors import BadInputError
from dpg_bench.suite.columns import Record, check_columns, named_columns
from dpg_bench.suite.rows import COLUMNS, Row

_DELIMITERS = (",", "\t", ";")


@dataclass(frozen=True, slots=True)
class Table:
    """A table's header, and its rows below it, to be read once."""

    header: tuple[str, ...]
    records: Iterator[Record]


def csv_rows(content: bytes, source: str, *, strict: bool = True) -> Iterator[Row]:
    """The question rows of a CSV file's `content`, in DPG-Bench's own columns; `source` names the file in messages.

    `strict` False lets stray quotes pass, as the official script's reader does.

    Raises BadInputError, naming file and row, for content that is no such table.
    """
    table = read_table(content, source, strict=strict)
    check_columns(table.header, f"{source}, row 1")
    named = named_columns(table.header)
    for record in table.records:
        cells = {name: record.values[key] for name, key in named.items()}
        yield Row(record.place, cells)


def read_table(content: bytes, source: str, *, strict: bool = True) -> Table:
    """Any table with a header.

    Raises BadInputError, naming file and row, for content that is empty, no text or no well-formed CSV, and for a
    column or a cell too many.
    """
    text = decoded(content, source)
    if not text.strip():
        raise BadInputError(f"{source} is empty. A suite has a header with the columns {', '.join(COLUMNS)}.")
    first = next(line for line in text.splitlines() if line.strip())
    delimiter = max(_DELIMITERS, key=lambda one: len(named_columns(first.replace('"', "").split(one))))
    rows = _rows(text, source, delimiter, strict=strict)
    header = tuple(next(rows)[1])
    doubled = [key for key in named_columns(header).values() if header.count(key) > 1]
    if doubled:
        raise BadInputError(f"{source}, row 1: column '{doubled[0]}' is there {header.count(doubled[0])} times.")
    return Table(header, _records(rows, header, source))


def decoded(content: bytes, source: str) -> str:
    """UTF-8, or UTF-16 with its byte order mark, as spreadsheets save it.

    Raises BadInputError, with the line, for anything else.
    """
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        try:
            return content.decode("utf-16")
        except UnicodeDecodeError:
            raise BadInputError(f"{source} begins as UTF-16 but is none. Save the file as UTF-8.") from None
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInputError(
            f"{source}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8. Save the file as UTF-8."
        ) from None


def _rows(text: str, source: str, delimiter: str, *, strict: bool) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=strict, delimiter=delimiter)
    number = 0
    try:
        for cells in reader:
            if any(cell.strip() for cell in cells):
                number += 1
                yield number, cells
    except csv.Error as error:
        raise BadInputError(f"{source}, row {number + 1} (near line {reader.line_num}): bad CSV, {error}.") from None


def _records(rows: Iterator[tuple[int, list[str]]], header: tuple[str, ...], source: str) -> Iterator[Record]:
    for number, cells in rows:
        place = f"{source}, row {number}"
        if len(cells) != len(header):
            if any(cell.strip() for cell in cells[len(header) :]) or len(cells) < len(header):
                raise BadInputError(
                    f"{place}: it has {len(cells)} cells, the header has {len(header)} columns. "
                    "A cell that holds a comma must stand in double quotes."
                )
            cells = cells[: len(header)]  # noqa: PLW2901 - spreadsheets add empty ones
        yield Record(place, dict(zip(header, cells, strict=True)))
