"""Markdown for pull requests, issues and papers' repositories: one rule of escaping, one form of table."""

from __future__ import annotations

import html
from collections.abc import Iterable, Iterator, Sequence

from dpg_bench.report.plain_text import visible

_MARKUP = "\\|*_`[]#~"


def escaped(text: str) -> str:
    """`text` on one line, with nothing in it that Markdown or HTML would take for markup."""
    plain = html.escape(" ".join(visible(text).split()), quote=False)
    return "".join(f"\\{letter}" if letter in _MARKUP else letter for letter in plain)


def markdown_row(cells: Iterable[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, left: Sequence[str]) -> Iterator[str]:
    """The lines of a table; the columns that `left` names are set to the left, numbers to the right."""
    yield markdown_row(headings)
    yield f"| {' | '.join(':--' if name in left else '--:' for name in headings)} |"
    yield from map(markdown_row, rows)
