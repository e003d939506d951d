"""Real judges: mPLUG-large and PaLI-17B on DSG-1k, held to what is known of them, and people's ratings."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.results.dsg_table import PAGE, dsg_table, with_table
from dpg_bench.report.agree.result import Agreement, find_agreement
from tests.report.agree.conftest import EXCERPT, read_rows, write_dsg


@pytest.fixture(scope="module")
def real(real_dsg: Path) -> Agreement:
    return find_agreement(
        [real_dsg / "mplug_dsg.csv", real_dsg / "pali17b_dsg.csv"],
        suite=str(real_dsg / "dsg-1k-anns.csv"),
        human=real_dsg / "tifa160-likert-anns.csv",
        resamples=99,
    )


def test_mplug_and_pali_agree_as_is_known(real: Agreement) -> None:
    (pair,) = real.pairs
    counts = pair.overall
    assert (pair.first, pair.second, counts.answers) == ("mplug_dsg", "pali17b_dsg", 11_858)
    assert round(100 * counts.agreement, 1) == 87.1
    assert round(counts.kappa, 2) == 0.48
    assert (round(100 * counts.first_yes, 1), round(100 * counts.second_yes, 1)) == (89.0, 82.2)
    assert pair.unanswered == (0, 82)
    assert pair.answered.answers == 11_858 - 82
    assert len(pair.flips) == counts.only_first + counts.only_second


def test_categories_add_up_to_the_whole(real: Agreement) -> None:
    overall, *categories = real.pairs[0].categories
    for level in (1, 2):
        assert sum(one.counts.answers for one in categories if one.row.level == level) == overall.counts.answers


def test_dsgs_own_scores_correlate_with_people_as_its_authors_print(real: Agreement) -> None:
    assert real.people is not None
    found = {
        (one.judge, one.scoring): (f"{one.spearman.value:.3f}", f"{one.kendall.value:.3f}", one.images)
        for one in real.people.judges
    }
    assert found["mplug_dsg", "dsg"] == ("0.463", "0.380", 800)
    assert found["mplug_dsg", "dsg without graph"] == ("0.464", "0.378", 800)
    assert found["pali17b_dsg", "dsg"] == ("0.571", "0.458", 800)
    assert found["pali17b_dsg", "dsg without graph"] == ("0.570", "0.457", 800)
    assert (real.people.ratings, real.people.images, real.people.raters) == (3995, 800, 5)


def test_no_judge_is_as_close_to_people_as_one_of_them_to_the_others(real: Agreement) -> None:
    assert real.people is not None
    ceiling = real.people.ceiling
    best = max(one.spearman.value for one in real.people.judges)
    assert best < ceiling.one_rater_spearman.value < ceiling.judge.value < 1


def test_a_third_judge_is_kept_apart(real: Agreement, real_dsg: Path, tmp_path: Path) -> None:
    """Its answers, here PaLI's turned round on the prompts of one model, move nothing between the other two."""
    rows = [row for row in read_rows(real_dsg / "pali17b_dsg.csv") if row["t2i_model"] == "sd1dot1"]
    third = write_dsg(
        tmp_path / "third.csv", ({**row, "answer": "no" if row["answer"] == "yes" else "Yes."} for row in rows)
    )
    found = find_agreement(
        [real_dsg / "mplug_dsg.csv", third, real_dsg / "pali17b_dsg.csv"],
        suite=str(real_dsg / "dsg-1k-anns.csv"),
        resamples=99,
    )
    pairs = {(pair.first, pair.second): pair for pair in found.pairs}
    assert pairs["mplug_dsg", "pali17b_dsg"].overall == real.pairs[0].overall
    opposite = pairs["third", "pali17b_dsg"]
    assert (opposite.overall.answers, opposite.overall.agreement) == (len(rows), 0)
    assert opposite.first_alone == 0
    assert opposite.second_alone == 11_858 - len(rows)
    assert found.models is not None  # of the two that judged all five
    assert {judge for judge, _ in found.models.scores} == {"mplug_dsg", "pali17b_dsg"}


def test_an_excerpt_alone_needs_no_suite() -> None:
    found = find_agreement([EXCERPT / "mplug_dsg.csv", EXCERPT / "pali17b_dsg.csv"], resamples=99)
    rows = len(read_rows(EXCERPT / "mplug_dsg.csv"))
    assert found.pairs[0].overall.answers == rows
    assert [one.row.name for one in found.pairs[0].categories] == ["overall"]
    assert found.scoring == "share of yes"
    assert found.material.models == ("mini-dalle", "sd2dot1")


def test_the_documentations_table_is_made_of_the_released_files(real_dsg: Path) -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert with_table(page, dsg_table(real_dsg)) == page
