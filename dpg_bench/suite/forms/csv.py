"""Suites as CSV files in the form of DPG-Bench's own `dpg_bench.csv`: one row per question, UTF-8, comma-separated.

DSG-1k and TIFA-style question files have the same columns. Rows are counted as spreadsheets count them: the header
is row 1, and blank lines don't count.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.records import Prompt
from dpg_bench.suite.rows import COLUMNS, QuestionRow, assemble_prompts, question_row


def parse_csv(content: bytes, source: str, *, strict: bool = True) -> tuple[Prompt, ...]:
    """The prompts of a CSV file's `content`; `source` names the file in messages.

    `strict=False` is for the official file alone, once its digest is verified; see `dpg_bench.suite.rows`.

    Raises BadInputError, naming file, row and column, for content that is empty, not UTF-8 or no well-formed CSV,
    for missing columns, and for all that `question_row` and `assemble_prompts` refuse.
    """
    text = _decode(content, source)
    if not text.strip():
        raise BadInputError(f"{source} is empty. A suite has a header with the columns {', '.join(COLUMNS)}.")
    prompts = assemble_prompts(_rows(text, source, strict=strict), strict=strict)
    if not prompts:
        raise BadInputError(f"{source} has a header but no questions below it.")
    return prompts


def read_file(path: Path) -> bytes:
    """The content of a file that the user named.

    Raises BadInputError if there is no such file or it can't be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadInputError(f"The suite file {path} can't be read: {error.strerror or error}.") from None


def _decode(content: bytes, source: str) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise BadInputError(
            f"{source}, line {line}: byte 0x{content[error.start]:02x} is not UTF-8. Save the file as UTF-8."
        ) from None


def _rows(text: str, source: str, *, strict: bool) -> Iterator[QuestionRow]:
    reader = csv.reader(io.StringIO(text, newline=""), strict=strict)
    header: list[str] | None = None
    number = 0
    try:
        for cells in reader:
            if not cells:
                continue
            number += 1
            place = f"{source}, row {number}"
            if header is None:
                header = cells
                _check_header(header, source)
                continue
            if len(cells) != len(header):
                raise BadInputError(
                    f"{place}: it has {len(cells)} cells, the header has {len(header)} columns. "
                    "A cell that holds a comma must stand in double quotes."
                )
            yield question_row(dict(zip(header, cells, strict=True)), place, strict=strict)
    except csv.Error as error:
        raise BadInputError(f"{source}, row {number + 1} (near line {reader.line_num}): bad CSV, {error}.") from None


def _check_header(header: list[str], source: str) -> None:
    missing = [column for column in COLUMNS if column not in header]
    if missing:
        raise BadInputError(
            f"{source}, row 1: missing columns: {', '.join(missing)}. Found: {', '.join(header)}. "
            "The columns must be comma-separated and named as in DPG-Bench's own CSV."
        )
    doubled = [column for column in COLUMNS if header.count(column) > 1]
    if doubled:
        raise BadInputError(f"{source}, row 1: column '{doubled[0]}' is there {header.count(doubled[0])} times.")
