"""Tables on terminals of any width: no number is cut, no row hides what it is about, no name acts."""

from __future__ import annotations

import io
import re

import pytest
from rich.console import Console

from dpg_bench.report.check.result import check_run
from dpg_bench.report.check.text import print_check
from dpg_bench.report.compare.result import compare_runs
from dpg_bench.report.compare.text import print_comparisons
from dpg_bench.report.csv_form import csv_text
from dpg_bench.report.leaderboard.result import rank_runs
from dpg_bench.report.leaderboard.text import print_leaderboard
from dpg_bench.report.plain_text import visible
from dpg_bench.report.scorecard.text import print_scorecard
from dpg_bench.report.terminal import Column, Row, show_table
from tests.report.conftest import ScoredRun


def shown(width: int, *, terminal: bool = True) -> Console:
    return Console(file=io.StringIO(), width=width, force_terminal=terminal, no_color=True, color_system=None)


def text_of(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return re.sub("\x1b\\[[0-9;]*m", "", console.file.getvalue())


@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_every_number_and_name_is_whole_at_any_width(scored_run: ScoredRun, width: int) -> None:
    a, b = scored_run("a", yes=0.5, model="model-a"), scored_run("b", yes=0.95, seed=1, model="model-b")
    comparison = compare_runs(a, b)
    console = shown(width)
    print_scorecard(a.card, console)
    print_comparisons([comparison], {}, console, top=3)
    print_check(check_run(b, a, categories=True), console)
    print_leaderboard(rank_runs([a, b]), console)
    text = text_of(console)
    assert all(len(line) <= width for line in text.splitlines())
    words = set(text.split())
    for score in comparison.scores:
        assert {f"{score.number.first:.2f}", f"{score.number.second:.2f}", f"{score.paired.value:+.2f}"} <= words
        assert score.number.row.own_name in words
    for card in (a.card["corrected"], a.card["official"]):
        numbers = [card.overall, *(one.score for one in card.l1.values()), *(one.score for one in card.l2.values())]
        assert {f"{number:.2f}" for number in numbers} <= words
    assert {"model-a", "model-b"} <= words
    assert "…" not in text


def test_a_table_that_fits_nowhere_is_one_block_a_row() -> None:
    console = shown(20)
    show_table(
        console,
        [Column("name"), Column("first", number=True), Column("second", number=True)],
        [Row(["entity", "12345678", "12345678"]), Row(["  whole", "1", ""])],
    )
    assert text_of(console).splitlines() == [
        "entity",
        "    first   12345678",
        "    second  12345678",
        "  whole",
        "    first   1",
    ]


def test_columns_that_can_be_spared_go_before_names_are_broken() -> None:
    console = shown(30)
    columns = [Column("name"), Column("a", number=True), Column("b", number=True)]
    assert show_table(console, columns, [Row(["a-name-of-20-letters", "12.34", "56.78"])], spare=("b",)) == ("b",)
    assert "a-name-of-20-letters" in text_of(console)
    assert "56.78" not in text_of(console)


def test_what_acts_on_a_terminal_is_written_out() -> None:
    assert visible("a\x1b[2J\x07\x9b1m\u202eb\x7f\r\udcff") == r"a\x1b[2J\x07\x9b1m\u202eb\x7f\x0d\xff"
    plain = "Ünïcödé – 漢字 🙂\ttab\nline"
    assert visible(plain) == plain


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "＝"])
def test_a_formula_is_text_in_a_csv(start: str) -> None:
    assert csv_text(["a"], [{"a": f"{start}cmd|' /C calc'!A0"}]).splitlines()[1].lstrip('"').startswith(f"'{start}")
    assert csv_text(["a"], [{"a": -1.5}]) == "a\n-1.5\n"
