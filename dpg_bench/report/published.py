"""Published results: scores as they stand in papers and READMEs, each with its source, in a CSV file.

`reports/published_results.csv` holds one row per distinct claim. Its `source` is where the numbers were read, for an
original result the authors' own; `also_in` lists further places that state the same claim. `reproduces` names the
model, as another row calls it, whose claim a reproduction is held against. An empty cell means that the source doesn't
say. Rows are counted as spreadsheets count them: the header is row 1.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Literal, TypeAlias, TypeVar, get_args

from dpg_bench.errors import BadInputError, unknown_name
from dpg_bench.files.reading import CsvRow, decoded, read_content, read_csv
from dpg_bench.hub.cache import shipped_folder
from dpg_bench.report.rows import CATEGORIES

Kind = Literal["original", "quoted", "reproduction", "run"]
"""Whose number it is.

`original`: of whoever measured it. `quoted`: read in somebody else's table, its origin not followed up.
`reproduction`: measured again by others than the authors, or of a variant that these made. `run`: of a run of this
toolkit.
"""

COLUMNS = (
    *("model", "params", "overall", *CATEGORIES, "images_per_prompt", "protocol", "judge", "suite", "steps"),
    *("guidance", "size", "prompt_rewriting", "kind", "reproduces", "source", "also_in", "date", "note"),
)
"""The columns of `reports/published_results.csv`."""

# A leaderboard's CSV can be read here too.
_LEADERBOARD_COLUMNS = (
    *("rank", "low", "high", "prompts", "prompts_expected", "complete"),
    *("published", "published_minus_reproduced", "texts"),
)
_SCORE = re.compile(r"[0-9]{1,3}(\.[0-9]{1,20})?")
_DATE = re.compile(r"[0-9]{4}(-(0[1-9]|1[0-2])(-(0[1-9]|[12][0-9]|3[01]))?)?")

PrintedScore: TypeAlias = Decimal
"""A percentage with the digits it was printed with: `84.20` claims more than `84.2`."""

_Value = TypeVar("_Value")


@dataclass(frozen=True, slots=True)
class PublishedResult:
    """One claim. `row` is its row in the file; `scores` the categories' that are stated; None is for unknown."""

    row: int
    model: str
    params: str | None
    overall: PrintedScore | None
    scores: Mapping[str, PrintedScore]
    images_per_prompt: int | None
    protocol: str | None
    judge: str | None
    suite: str | None
    steps: int | None
    guidance: float | None
    size: int | None
    prompt_rewriting: bool | None
    kind: Kind | None
    reproduces: str | None
    source: str | None
    also_in: tuple[str, ...]
    date: str | None
    note: str | None


def claim(row: int, model: str, *, overall: PrintedScore | None, scores: Mapping[str, PrintedScore]) -> PublishedResult:
    """A result of which nothing but its scores is known."""
    return PublishedResult(
        row=row,
        model=model,
        overall=overall,
        scores=scores,
        **dict.fromkeys(("params", "images_per_prompt", "protocol", "judge", "suite", "steps", "guidance", "size")),
        **dict.fromkeys(("prompt_rewriting", "kind", "reproduces", "source", "date", "note")),
        also_in=(),
    )


def shipped_results() -> tuple[PublishedResult, ...]:
    """The published results that ship with dpg-bench."""
    return read_published(shipped_folder("reports") / "published_results.csv")


def read_published(path: Path) -> tuple[PublishedResult, ...]:
    """Read a CSV file of published results; of the columns only `model` and one score are needed.

    Raises BadInputError, naming file, row and column, if the file can't be read or is no well-formed CSV, for
    unknown and doubled columns, and for a cell that isn't what its column holds.
    """
    text = decoded(read_content(path, pipe=True), str(path))
    if not text.strip():
        raise BadInputError(f"The file {path} is empty. It needs a header with the column 'model' and one score.")
    table = read_csv(text, str(path))
    _check_header(path, table.header)
    results = tuple(_result(_Row(row)) for row in table.rows)
    if not results:
        raise BadInputError(f"{path} has a header but no results below it.")
    return results


@dataclass(frozen=True, slots=True)
class _Row:
    row: CsvRow

    def text(self, column: str) -> str | None:
        return self.row.cells.get(column, "").strip() or None

    def parsed(self, column: str, parse: Callable[[str], _Value | None], expected: str) -> _Value | None:
        cell = self.text(column)
        if cell is None:
            return None
        value = parse(cell)
        if value is None:
            raise BadInputError(
                f"{self.row.place}, column '{column}': {cell[:60]!r} is not {expected}. "
                "Correct the cell, or leave it empty."
            )
        return value


def _result(row: _Row) -> PublishedResult:
    model = row.text("model")
    if model is None:
        raise BadInputError(f"{row.row.place}, column 'model': the cell is empty. Name the model.")
    score = "a score from 0 to 100, such as 84.20"
    scores = {name: row.parsed(name, _score, score) for name in CATEGORIES}
    return PublishedResult(
        row=row.row.number,
        model=model,
        params=row.text("params"),
        overall=row.parsed("overall", _score, score),
        scores={name: value for name, value in scores.items() if value is not None},
        images_per_prompt=row.parsed("images_per_prompt", _count, "a whole number from 1"),
        protocol=row.text("protocol"),
        judge=row.text("judge"),
        suite=row.text("suite"),
        steps=row.parsed("steps", _count, "a whole number from 1"),
        guidance=row.parsed("guidance", _number, "a number, such as 7.5"),
        size=row.parsed("size", _count, "a whole number of pixels"),
        prompt_rewriting=row.parsed("prompt_rewriting", {"yes": True, "no": False}.get, "yes or no"),
        kind=row.parsed("kind", _kind, f"one of {', '.join(get_args(Kind))}"),
        reproduces=row.text("reproduces"),
        source=row.text("source"),
        also_in=tuple(place.strip() for place in (row.text("also_in") or "").split(";") if place.strip()),
        date=row.parsed("date", _date, "a date such as 2024-03 or 2024-03-08"),
        note=row.text("note"),
    )


def _check_header(path: Path, header: Sequence[str]) -> None:
    known = (*COLUMNS, *_LEADERBOARD_COLUMNS)
    for name, times in Counter(header).items():
        if name not in known:
            raise unknown_name(f"column of {path}, row 1:", name, known)
        if times > 1:
            raise BadInputError(f"{path}, row 1: the column '{name}' is there {times} times.")
    if "model" not in header or not {"overall", *CATEGORIES} & set(header):
        raise BadInputError(
            f"{path}, row 1: needed are the column 'model' and one of overall, {', '.join(CATEGORIES)}. "
            f"Found: {', '.join(header)}."
        )


def _score(cell: str) -> PrintedScore | None:
    return Decimal(cell) if _SCORE.fullmatch(cell) and Decimal(cell) <= 100 else None


def _count(cell: str) -> int | None:
    return int(cell) if cell.isascii() and cell.isdigit() and len(cell) < 10 and int(cell) else None


def _number(cell: str) -> float | None:
    return float(cell) if re.fullmatch(r"[0-9]{1,6}(\.[0-9]{1,20})?", cell) else None


def _kind(cell: str) -> Kind | None:
    return next((kind for kind in get_args(Kind) if kind == cell), None)


def _date(cell: str) -> str | None:
    return cell if _DATE.fullmatch(cell) else None
