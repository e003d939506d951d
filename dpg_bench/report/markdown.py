"""Markdown for pull requests, issues and papers' repositories: one rule of escaping, one form of table."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator, Sequence

from dpg_bench.report.plain_text import visible

_SPACE = re.compile(r"\s+")
_COMMAND = re.compile(r"(`dpgbench [^`\n]*`)")
_MARKUP = "\\|*_`[]#~"


def escaped(text: str, *, trim: bool = True) -> str:
    """`text` on one line, with nothing in it that Markdown or HTML would take for markup."""
    line = _SPACE.sub(" ", visible(text))
    plain = html.escape(line.strip() if trim else line, quote=False)
    return "".join(f"\\{letter}" if letter in _MARKUP else letter for letter in plain)


def escaped_words(text: str) -> str:
    """The same for a sentence of ours, whose commands in backticks stay code."""
    parts = _COMMAND.split(text)
    return "".join(part if place % 2 else escaped(part, trim=False) for place, part in enumerate(parts)).strip()


def markdown_row(cells: Iterable[str]) -> str:
    """A line of a table."""
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"


def markdown_table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, left: Sequence[str]) -> Iterator[str]:
    """The lines of a table; the columns that `left` names are set to the left, numbers to the right."""
    yield markdown_row(headings)
    yield f"| {' | '.join(':--' if name in left else '--:' for name in headings)} |"
    yield from map(markdown_row, rows)
