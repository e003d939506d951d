"""Comparisons for the terminal and as Markdown: the same lines in both."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from rich.console import Console

from dpg_bench.files.differences import Difference
from dpg_bench.report.compare.result import Comparison, PairedScore
from dpg_bench.report.markdown import escaped, markdown_table
from dpg_bench.report.paper import bibliography, latex, latex_document, latex_table, methods
from dpg_bench.report.questions import QuestionTexts
from dpg_bench.report.terminal import Column, Row, say, show_table
from dpg_bench.score.stats import Interval

_COLUMNS = ("score, %", "A", "B", "B - A", "interval", "p", "")
_SHOWN_SETTINGS = 8
_WORDS = ("score, %", "")


def print_comparisons(comparisons: Sequence[Comparison], texts: QuestionTexts, console: Console, *, top: int) -> None:
    """Print every comparison: table, what to make of it, and the `top` items and questions that changed most."""
    for comparison in comparisons:
        say(console, _title(comparison), "bold")
        columns = [Column(name, number=name not in _WORDS) for name in _COLUMNS]
        show_table(console, columns, list(_rows(comparison)))
        for line in [*_notes(comparison), *_changes(comparison, texts, top)]:
            say(console, line.text, line.style)
        console.print()


def comparisons_to_markdown(comparisons: Sequence[Comparison], texts: QuestionTexts, *, top: int) -> str:
    """The same as Markdown, for a pull request or a report; markup in names is escaped."""
    lines = []
    for comparison in comparisons:
        lines += [f"### {escaped(_title(comparison))}", ""]
        lines += markdown_table(_COLUMNS, [row.cells for row in _rows(comparison, below="· ")], left=_WORDS)
        lines += ["", *(f"- {escaped(line.text.strip())}" for line in _notes(comparison))]
        lines += [f"- {escaped(line.text.strip())}" for line in _changes(comparison, texts, top)] + [""]
    return "\n".join(lines)


def comparisons_to_latex(comparisons: Sequence[Comparison]) -> str:
    """The tables in LaTeX, each with its title, sentences on how the first run was scored, and BibTeX as comments."""
    lines = []
    for comparison in comparisons:
        lines += [f"% {latex(_title(comparison))}"]
        rows = [row.cells for row in _rows(comparison, below="")]
        lines += [*latex_table(_COLUMNS, rows, left=_WORDS), ""]
    first = comparisons[0].first
    runs = [first, *(comparison.second for comparison in comparisons)]
    return latex_document(lines, methods(first, [comparisons[0].protocol]), bibliography(runs))


def settings_that_differ(settings: Sequence[Difference] | None) -> str:
    """The settings of two runs that differ, in a sentence; None stands for settings that aren't recorded for both."""
    if settings is None:
        return "Which settings differ can't be said: they are not recorded for both."
    if not settings:
        return "Both were made with the same settings."
    shown = ", ".join(
        f"{one.name} {json.dumps(one.before, ensure_ascii=False)} → {json.dumps(one.now, ensure_ascii=False)}"
        for one in settings[:_SHOWN_SETTINGS]
    )
    more = len(settings) - _SHOWN_SETTINGS
    return f"Settings that differ: {shown}{f' and {more} more' if more > 0 else ''}."


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    style: str = ""


def _title(comparison: Comparison) -> str:
    card = comparison.first.card
    return (
        f"A: {comparison.first.titled(comparison.protocol)}, B: {comparison.second.titled(comparison.protocol)}; "
        f"{comparison.protocol} protocol, suite "
        f"{card.suite.name}, judge {card.judge.name}, {comparison.prompts} prompts"
    )


def _rows(comparison: Comparison, *, below: str = "  ") -> Iterator[Row]:
    overall, *categories = comparison.scores
    other = comparison.other
    yield Row(_cells(overall, overall.number.row.name), "bold", end_section=other is None)
    if other is not None:
        yield Row(_cells(other, f"overall, {comparison.other_protocol}"), "dim", end_section=True)
    for score in categories:
        row = score.number.row
        yield Row(_cells(score, f"{below if row.level == 2 else ''}{row.own_name}"), ("", "", "dim")[row.level])


def _cells(score: PairedScore, name: str) -> list[str]:
    number, paired = score.number, score.paired
    mark = ("▲" if paired.value > 0 else "▼") if paired.clear else ""
    return [
        name,
        f"{number.first:.2f}",
        f"{number.second:.2f}",
        f"{paired.value:+.2f}",
        range_text(paired.interval),
        f"{paired.p_value:.3f}" if paired.p_value >= 0.001 else "<0.001",
        mark,
    ]


def range_text(interval: Interval | None) -> str:
    """An interval of a difference as a cell has it."""
    if interval is None:
        return "-"
    return interval.method if interval.method == "no spread" else f"{interval.low:+.2f} to {interval.high:+.2f}"


def _notes(comparison: Comparison) -> Iterator[_Line]:
    yield _Line(
        f"Marked where the {comparison.confidence:.0%} interval of the paired difference excludes zero and its "
        f"permutation test (p) agrees{_detectable(comparison)}.",
        "dim",
    )
    by_chance = round(len(comparison.scores) * (1 - comparison.confidence))
    if by_chance:
        yield _Line(
            f"{len(comparison.scores)} numbers are compared, so expect about {by_chance} marked by chance alone.", "dim"
        )
    yield _Line("Beside published numbers quote official; tell your own runs apart by corrected.", "dim")
    yield _Line(settings_that_differ(comparison.settings))
    for remark in comparison.remarks:
        yield _Line(f"Note: {remark}", "yellow")
    for run in (comparison.first, comparison.second):
        for warning in run.card.warnings:
            yield _Line(f"Warning: {run.name}: {warning}", "bold yellow")


def _detectable(comparison: Comparison) -> str:
    overall = comparison.scores[0].paired
    if math.isnan(overall.detectable):
        return ""
    if not overall.standard_error:
        return "; these prompts all differ alike, so what difference would be found can't be said"
    return f"; a difference of {overall.detectable:.2f} would be found 4 times in 5"


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
