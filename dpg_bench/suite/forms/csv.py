"""Tables: CSV in the form of DPG-Bench's own `dpg_bench.csv`, one row per question, and what spreadsheets make of it.

DSG-1k and TIFA-style question files have the same columns. Rows are counted as spreadsheets count them: the header
is row 1, and blank lines don't count. Commas, semicolons or tabs stand between the cells, whichever makes the header.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import decoded, read_csv
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
    table = read_csv(text, source, strict=strict, delimiter=delimiter)
    return Table(table.header, (Record(row.place, row.cells) for row in table.rows))
