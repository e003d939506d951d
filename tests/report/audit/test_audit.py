"""The audit calls possible what a complete run can print and nothing else, and finds what the reference reports."""

from __future__ import annotations

import io
from decimal import ROUND_HALF_EVEN, ROUND_HALF_UP, Decimal
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dpg_bench.errors import BadInputError
from dpg_bench.records import Prompt, Question, Suite
from dpg_bench.report.audit.arithmetic import (
    as_printed,
    chance,
    decimals,
    matching_share,
    nearest_shares,
    simplest_share,
)
from dpg_bench.report.audit.counts import RECORDED, QuestionCounts, count_questions
from dpg_bench.report.audit.result import Audit, audit_results
from dpg_bench.report.audit.text import print_audit
from dpg_bench.report.published import read_published, shipped_results


def audited(folder: Path, *rows: str) -> Audit:
    path = folder / "results.csv"
    path.write_text("\n".join(["model,global,entity,attribute,relation,other", *rows]) + "\n")
    return audit_results(read_published(path), RECORDED)


def test_of_the_57_published_pairs_7_are_possible_2_as_a_four_image_mean_and_48_impossible() -> None:
    audit = audit_results(shipped_results(), RECORDED)
    assert audit.pairs.verdicts == {"possible": 7, "four-image mean": 2, "impossible": 48}
    assert audit.pairs.pairs == 57
    assert len(audit.results) + audit.unchecked == len(shipped_results())
    paper = [one for one in audit.results if one.result.source == "ELLA paper arXiv:2403.05135v1 Table 4"]
    assert len(paper) == 8
    assert {one.verdict for one in paper} == {"impossible"}


def test_a_question_more_or_less_and_no_published_pair_fits() -> None:
    """What shows that 329 and 250 are the right counts, and that passing is no accident."""
    for n_global, n_other in ((330, 250), (329, 251), (328, 250), (329, 249)):
        counts = QuestionCounts({"global": n_global, "other": n_other}, "test")
        assert audit_results(shipped_results(), counts).pairs.verdicts["possible"] == 0


def test_a_random_pair_is_possible_once_in_1208() -> None:
    # 330 of the 10,001 numbers from 0.00 to 100.00, and 251 of them
    assert chance(329, 2) == Fraction(330, 10_001)
    assert chance(250, 2) == Fraction(251, 10_001)
    assert round(1 / (chance(329, 2) * chance(250, 2))) == 1208
    assert round(1 / (chance(4 * 329, 2) * chance(4 * 250, 2))) == 76


def test_chance_counts_what_matches() -> None:
    for n in (1, 7, 8, 250, 3000):
        printed = [Decimal(number).scaleb(-1) for number in range(1001)]
        assert chance(n, 1) == Fraction(sum(matching_share(number, n) is not None for number in printed), 1001)


@given(st.integers(1, 3000), st.data(), st.integers(0, 9), st.sampled_from([ROUND_HALF_EVEN, ROUND_HALF_UP]))
def test_whatever_a_complete_run_prints_is_possible(n: int, data: st.DataObject, digits: int, rounding: str) -> None:
    k = data.draw(st.integers(0, n))
    printed = (Decimal(100 * k) / n).quantize(Decimal(1).scaleb(-digits), rounding)
    share = matching_share(printed, n)
    assert share is not None
    assert abs(Fraction(100 * share, n) - Fraction(printed)) <= Fraction(1, 2 * 10**digits)
    four = matching_share(printed, 4 * n)
    assert four is not None


@given(st.integers(1, 3000), st.data())
def test_whatever_a_float_in_a_log_says_is_possible(n: int, data: st.DataObject) -> None:
    k = data.draw(st.integers(0, n))
    printed = Decimal(str(100.0 * (k / n)))
    if "e" not in str(printed).lower():
        assert matching_share(printed, n) is not None


@given(st.integers(0, 10_000), st.integers(1, 2000))
def test_possible_is_what_trying_every_share_finds(number: int, n: int) -> None:
    printed = Decimal(number).scaleb(-2)
    within = [k for k in range(n + 1) if abs(Fraction(100 * k, n) - Fraction(printed)) <= Fraction(1, 200)]
    assert matching_share(printed, n) == (within[0] if within else None)


@given(st.integers(0, 10_000), st.integers(1, 2000))
def test_the_nearest_shares_enclose_the_number(number: int, n: int) -> None:
    printed = Decimal(number).scaleb(-2)
    below, above = nearest_shares(printed, n)[0], nearest_shares(printed, n)[-1]
    assert Fraction(100 * below, n) <= Fraction(printed) <= Fraction(100 * above, n)
    assert above - below <= 1
    assert 0 <= below <= above <= n


@given(st.integers(1, 20_000), st.data())
def test_the_share_behind_a_full_number_is_found(n: int, data: st.DataObject) -> None:
    share = Fraction(data.draw(st.integers(0, n)), n)
    printed = Decimal(100 * share.numerator) / share.denominator
    assert simplest_share(printed.quantize(Decimal(1).scaleb(-14))) == share


def test_printed_digits_decide() -> None:
    assert matching_share(Decimal("82.4"), 329) == 271  # 82.3708...
    assert matching_share(Decimal("82.40"), 329) is None
    assert decimals(Decimal("82.40")) == 2
    assert decimals(Decimal(82)) == 0
    assert as_printed(271, 329, 2) == "82.37"


def test_each_verdict_names_its_shares(tmp_path: Path) -> None:
    audit = audited(tmp_path, "a,82.37,,,,85.20", "b,82.37,,,,85.40", "c,84.03,,,,80.79", "d,,90.1,,,", "e,82.37,,,,")
    possible, four, impossible, alone = audit.results
    assert [one.verdict for one in audit.results] == ["possible", "four-image mean", "impossible", "possible"]
    assert [category.share for category in possible.categories] == [271, 213]
    assert [category.share for category in four.categories] == [271, 854]
    assert four.cause == "all images"
    assert impossible.cause == "mixed or lost"
    assert [category.nearest for category in impossible.categories] == [(276, 277), (201, 202)]
    assert alone.cause is None
    assert audit.unchecked == 1
    assert audit.pairs.pairs == 3


def test_pairs_are_counted_once(tmp_path: Path) -> None:
    assert audited(tmp_path, "a,82.37,,,,85.20", "b,82.37,,,,85.20").pairs.verdicts["possible"] == 1


def test_numbers_with_all_digits_tell_mixed_categories_from_lost_questions(tmp_path: Path) -> None:
    audit = audited(
        tmp_path,
        "mixed,86.27232142857143,,,,85.88640275387263",
        "lost,78.83435582822086,,,,50.8",
        "four images lost,91.10429447852761,,,,50.8",  # 1188/1304: 326 questions, four images
    )
    mixed, lost, four = audit.results
    assert mixed.cause == "mixed"
    assert "global is 773/896" in mixed.detail
    assert (lost.verdict, lost.cause) == ("impossible", "lost")
    assert "a share of 326, not 329" in lost.detail
    assert (four.verdict, four.cause) == ("impossible", "lost")
    assert "326" in four.detail


def test_zeros_that_fill_up_digits_are_noticed_but_still_impossible(tmp_path: Path) -> None:
    audit = audited(tmp_path, "padded,82.10,89.50,88.70,91.10,89.40", "not,82.10,89.50,88.70,91.11,89.40")
    assert [one.cause for one in audit.results] == ["padded", "mixed or lost"]
    assert [one.verdict for one in audit.results] == ["impossible", "impossible"]


def test_counts_come_from_the_official_run_of_the_suite() -> None:
    def question(number: int, category: str, *parents: int) -> Question:
        return Question(number, parents, category.split(" ", maxsplit=1)[0], category, f"Question {number}?")

    suite = Suite(
        "small",
        "small.csv",
        (
            # the first row is skipped, and question 3 needs it: the whole prompt is dropped
            Prompt("a", "A", (question(1, "global -"), question(2, "other - count"), question(3, "global -", 1))),
            Prompt("b", "B", (question(1, "global -"), question(2, "other - text"), question(3, "global -", 1))),
        ),
    )
    assert count_questions(suite).questions == {"global": 2, "other": 1}


def test_a_suite_with_none_of_the_categories_is_refused() -> None:
    with pytest.raises(BadInputError, match="none of the categories"):
        audit_results(shipped_results(), QuestionCounts({}, "suite moods"))


def test_all_categories_of_a_suite_fit_into_80_columns(tmp_path: Path) -> None:
    file = tmp_path / "results.csv"
    file.write_text("model,global,entity,attribute,relation,other\na,50.00,12.34,50.00,50.00,50.00\n")
    counts = QuestionCounts({"global": 3, "entity": 8, "attribute": 2, "relation": 2, "other": 2}, "suite small")
    audit = audit_results(read_published(file), counts)
    for width in (80, 200):
        console = Console(file=io.StringIO(), width=width)
        print_audit(audit, console)
        assert isinstance(console.file, io.StringIO)
        text = console.file.getvalue()
        assert "impossible" in text
        assert "mixed or lost" in text
        assert ("12.34×" in text) == (width == 80)
        assert ("12.34 (0.00/12.50)" in text) == (width == 200)
