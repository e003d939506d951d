"""The one way in which reports reach a terminal: names from files as plain text, numbers whole, words folded."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dpg_bench.report.plain_text import visible

_WORDS_AT_LEAST = 14  # narrower, names fall into syllables
_WORDS_WITH_SPARE = 40


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: words stand left and are folded where it must be, a `number` right and whole."""

    heading: str
    number: bool = False
    style: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """The cells of a line, and how they look; `end_section` draws a line below."""

    cells: Sequence[str]
    style: str = ""
    end_section: bool = False


def say(console: Console, line: str, style: str = "") -> None:
    """Print a sentence: wrapped on a terminal, whole elsewhere, so that `grep` finds it."""
    # Text, not markup, since names and reasons come from files.
    console.print(Text(visible(line), style=style), soft_wrap=not console.is_terminal)


def fits(console: Console, columns: Sequence[Column], rows: Sequence[Row]) -> bool:
    """Whether a table of these can be shown without breaking names into pieces."""
    return _width(columns, rows, words=_WORDS_AT_LEAST) <= console.width


def show_table(
    console: Console, columns: Sequence[Column], rows: Sequence[Row], *, spare: Sequence[str] = ()
) -> Sequence[str]:
    """Print a table; where it is too wide, without the `spare` columns, and at last one block of lines a row.

    Returns the headings of the columns that were left out.
    """
    for count in range(len(spare) + 1):
        kept = [place for place, column in enumerate(columns) if column.heading not in spare[:count]]
        fewer = [columns[place] for place in kept]
        lines = [Row([row.cells[place] for place in kept], row.style, row.end_section) for row in rows]
        # Names are worth more than columns that can be spared.
        words = _WORDS_WITH_SPARE if count < len(spare) else _WORDS_AT_LEAST
        if _width(fewer, lines, words=words) <= console.width:
            gap = int(_width(fewer, lines, words=words, gap=1) <= console.width)
            console.print(_table(fewer, lines, gap=gap))
            return spare[:count]
    _print_blocks(console, columns, rows)
    return ()


def _table(columns: Sequence[Column], rows: Iterable[Row], *, gap: int) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, gap, 0, 0))
    for column in columns:
        table.add_column(
            Text(column.heading),
            justify="right" if column.number else "left",
            no_wrap=column.number,
            overflow="fold",
            style=column.style,
        )
    for row in rows:
        table.add_row(*(Text(visible(cell)) for cell in row.cells), style=row.style, end_section=row.end_section)
    return table


def _width(columns: Sequence[Column], rows: Sequence[Row], *, words: int, gap: int = 0) -> int:
    widths = []
    for place, column in enumerate(columns):
        longest = max([cell_len(column.heading), *(cell_len(visible(row.cells[place])) for row in rows)])
        widths.append(longest if column.number else min(longest, words))
    return sum(widths) + (1 + gap) * len(columns) - 1


def _print_blocks(console: Console, columns: Sequence[Column], rows: Sequence[Row]) -> None:
    width = max(cell_len(column.heading) for column in columns)
    for row in rows:
        say(console, row.cells[0].rstrip() or "-", row.style)
        for column, cell in list(zip(columns, row.cells, strict=True))[1:]:
            if cell.strip():
                say(console, f"    {column.heading:<{width}}  {cell.strip()}")
