"""`dpgbench audit` on the shipped results, on a user's own, and on bad input."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from dpg_bench.cli.audit import question_counts
from dpg_bench.report.audit.counts import RECORDED
from tests.cli.conftest import Dpgbench


def test_the_published_results_are_audited_in_every_form(dpgbench: Dpgbench) -> None:
    shown = dpgbench("audit", "--published", "--csv", "audit.csv")
    assert shown.exit_code == 0, shown.output
    assert "57 distinct (global, other) pairs: 7 possible, 2 only as a four-image mean, 48 impossible" in shown.stdout
    assert "once in 1,208" in shown.stdout
    assert "82.37 =" in shown.stdout
    assert "15 of these results are reproductions by others" in shown.stdout
    content = json.loads(dpgbench("audit", "--published", "--json").stdout)
    assert content["pairs"]["verdicts"] == {"possible": 7, "four-image mean": 2, "impossible": 48}
    assert content["questions"] == {"global": 329, "other": 250}
    gaps = [float(one["published_minus_reproduced"]) for one in content["reproductions"]]
    assert len(gaps) == 15
    assert gaps == sorted(gaps, reverse=True)
    with Path("audit.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == sum(len(result["categories"]) for result in content["results"])
    ella = next(row for row in rows if row["model"].startswith("ELLA SD v1.5") and row["category"] == "global")
    assert (ella["verdict"], ella["nearest_below"], ella["nearest_above"]) == (
        "impossible",
        "276/329 = 83.89",
        "277/329 = 84.19",
    )


def test_a_file_of_ones_own_is_audited_against_a_suite_of_ones_own(dpgbench: Dpgbench) -> None:
    Path("mine.csv").write_text("model,global\n[b]mine[/b],50.00\n")
    result = dpgbench("audit", "mine.csv", "--suite", "sample")
    assert result.exit_code == 0, result.output
    assert "suite sample" in result.stdout
    assert "[b]mine" in result.stdout


def test_the_audited_file_is_not_replaced_by_its_audit(dpgbench: Dpgbench) -> None:
    Path("mine.csv").write_text("model,global\nmine,50.00\n")
    result = dpgbench("audit", "mine.csv", "--csv", "mine.csv")
    assert result.exit_code == 2
    assert "mine.csv is there already. Replace it with --force" in result.stderr
    assert Path("mine.csv").read_text() == "model,global\nmine,50.00\n"
    folder = dpgbench("audit", "mine.csv", "--csv", ".", "--force")
    assert folder.exit_code == 2
    assert "is a folder. Name a file." in folder.stderr
    assert dpgbench("audit", "mine.csv", "--csv", "mine.csv", "--force").exit_code == 0
    assert "verdict" in Path("mine.csv").read_text()


@pytest.mark.parametrize(
    ("args", "said"),
    [
        ((), "Name one thing to audit"),
        (("--global", "90", "--published"), "Name one thing to audit"),
        (("--global", "much"), "'much' is not a score"),
        (("bad.csv", "--published"), "Name one thing to audit"),
        (("bad.csv",), "bad.csv, row 2, column 'global': '84:2' is not a score"),
        (("none.csv",), "none.csv can't be read"),
        (("--published", "--suite", "sampel"), "Did you mean 'sample'"),
    ],
)
def test_bad_input_is_one_message_and_writes_nothing(
    dpgbench: Dpgbench, tmp_path: Path, args: tuple[str, ...], said: str
) -> None:
    Path("bad.csv").write_text('model,global\nA,"84:2"\n')
    result = dpgbench("audit", *args, "--csv", "out.csv")
    assert result.exit_code == 2, result.output
    assert said in result.stderr
    assert result.stdout == ""
    assert [file.name for file in tmp_path.iterdir()] == ["bad.csv"]


def test_without_the_suite_the_recorded_counts_hold() -> None:
    assert question_counts(None) is RECORDED
    assert question_counts("sample").source == "suite sample"


SUMMARY = (
    "L1 category scores:\n\tother: 86.0\n\tglobal: 90.88145896656535\nL2 category scores:\nDPG-Bench score: 81.25\n"
)


def test_what_the_official_script_prints_is_audited(dpgbench: Dpgbench) -> None:
    Path("results.txt").write_text(f"fox.png, 1.0, 0.5, 1.0, 1.0, 0.875\n{SUMMARY}")
    for arguments in (("results.txt",), ("--log", "results.txt")):
        result = dpgbench("audit", *arguments)
        assert result.exit_code == 0, result.output
        assert "90.88… = 299/329" in result.stdout
        assert "86.0 = 215/250" in result.stdout
        assert "possible" in result.stdout


def test_scores_can_be_given_and_shares_are_read_as_percentages(dpgbench: Dpgbench) -> None:
    for scores in (("90.88", "86.00"), ("0.9088", "0.8600"), ("90.88%", "86.00%")):
        result = dpgbench("audit", "--global", scores[0], "--other", scores[1])
        assert result.exit_code == 0, result.output
        assert "90.88 = 299/329" in result.stdout
        assert "86.00 = 215/250" in result.stdout
        assert "impossible" not in result.stdout.splitlines()[-3]


def test_a_summary_given_for_answers_is_told_where_the_answers_are(dpgbench: Dpgbench) -> None:
    Path("results.txt").write_text(SUMMARY)
    result = dpgbench("score", "--answers", "results.txt", "--suite", "sample", "--out", "o")
    assert result.exit_code == 2
    assert "holds no answers" in result.stderr
    assert "results_detail.txt" in result.stderr
