"""Comparisons for the terminal and as Markdown: the same lines in both."""

from __future__ import annotations

import html
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from dpg_bench.report.compare.result import Comparison, PairedScore
from dpg_bench.report.question_texts import QuestionTexts
from dpg_bench.score.stats import Interval

_COLUMNS = ("score, %", "A", "B", "B - A", "interval", "p", "")


def print_comparisons(comparisons: Sequence[Comparison], texts: QuestionTexts, console: Console, *, top: int) -> None:
    """Print every comparison: table, what to make of it, and the `top` items and questions that changed most."""
    for comparison in comparisons:
        _say(console, _title(comparison), style="bold")
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
        for name in _COLUMNS:
            table.add_column(name, justify="left" if name in ("score, %", "") else "right", overflow="fold")
        for score in comparison.scores:
            level = score.number.row.level
            cells = _cells(score)
            cells[0] = f"{'  ' if level == 2 else ''}{cells[0]}"
            table.add_row(*map(Text, cells), style=("bold", "", "dim")[level], end_section=level == 0)
        console.print(table)
        for line in [*_notes(comparison), *_changes(comparison, texts, top)]:
            _say(console, line.text, style=line.style)
        console.print()


def comparisons_to_markdown(comparisons: Sequence[Comparison], texts: QuestionTexts, *, top: int) -> str:
    """The same as Markdown, for a pull request or a report; markup in names is escaped."""
    lines = []
    for comparison in comparisons:
        lines += [f"### {escaped(_title(comparison))}", ""]
        lines += [markdown_row(_COLUMNS), "| --- |" + " ---: |" * 5 + " --- |"]
        for score in comparison.scores:
            cells = _cells(score)
            if score.number.row.level == 2:
                cells[0] = f"· {cells[0]}"
            lines.append(markdown_row(cells))
        lines += ["", *(f"- {escaped(line.text.strip())}" for line in _notes(comparison))]
        lines += [f"- {escaped(line.text.strip())}" for line in _changes(comparison, texts, top)] + [""]
    return "\n".join(lines)


def markdown_row(cells: Sequence[str]) -> str:
    """A line of a Markdown table."""
    return f"| {' | '.join(escaped(cell) for cell in cells)} |"


def escaped(text: str) -> str:
    """`text` on one line, with nothing in it that Markdown or HTML would take for markup."""
    plain = html.escape(" ".join(text.split()), quote=False)
    return "".join(f"\\{letter}" if letter in "\\|*_`[]#" else letter for letter in plain)


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    style: str = ""


def _title(comparison: Comparison) -> str:
    card = comparison.first.card
    return (
        f"A: {comparison.first.name}, B: {comparison.second.name}; {comparison.protocol} protocol, suite "
        f"{card.suite.name}, judge {card.judge.name}, {comparison.prompts} prompts"
    )


def _cells(score: PairedScore) -> list[str]:
    number, paired = score.number, score.paired
    mark = ("▲" if paired.value > 0 else "▼") if paired.clear else ""
    return [
        number.row.own_name,
        f"{number.first:.2f}",
        f"{number.second:.2f}",
        f"{paired.value:+.2f}",
        _range(paired.interval),
        f"{paired.p_value:.3f}" if paired.p_value >= 0.001 else "<0.001",
        mark,
    ]


def _range(interval: Interval | None) -> str:
    if interval is None:
        return "-"
    return interval.method if interval.method == "no spread" else f"{interval.low:+.2f} to {interval.high:+.2f}"


def _notes(comparison: Comparison) -> Iterator[_Line]:
    overall = comparison.scores[0].paired
    detectable = (
        ""
        if math.isnan(overall.detectable)
        else f"; a difference of {overall.detectable:.2f} would be found 4 times in 5"
    )
    yield _Line(
        f"Marked where the {comparison.confidence:.0%} interval of the paired difference excludes zero{detectable}.",
        "dim",
    )
    yield _Line(
        f"{len(comparison.scores)} numbers are compared, so expect about "
        f"{len(comparison.scores) * (1 - comparison.confidence):.0f} marked by chance alone.",
        "dim",
    )
    for remark in comparison.remarks:
        yield _Line(f"Note: {remark}", "yellow")
    for run in (comparison.first, comparison.second):
        for warning in run.card.warnings:
            yield _Line(f"Warning: {run.name}: {warning}", "bold yellow")


def _changes(comparison: Comparison, texts: QuestionTexts, top: int) -> Iterator[_Line]:
    if comparison.items[:top]:
        yield _Line(f"{len(comparison.items)} items changed, these most:")
    for item in comparison.items[:top]:
        yield _Line(f"  {item.item_id}: {item.first:.1f} → {item.second:.1f}")
    if comparison.questions[:top]:
        yield _Line(f"{len(comparison.questions)} questions changed, these most (share of images answered yes):")
    for one in comparison.questions[:top]:
        text = texts.get((one.item_id, one.proposition_id), "")
        yield _Line(
            f"  {one.item_id}, question {one.proposition_id}: {one.first:.0%} → {one.second:.0%}  {text}".rstrip()
        )


def _say(console: Console, line: str, style: str = "") -> None:
    console.print(Text(line, style=style), soft_wrap=True)
