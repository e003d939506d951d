"""`dpgbench leaderboard` over scored answers, among published results, and over nothing."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest

from dpg_bench.suite.registry import load_suite
from tests.cli.conftest import Dpgbench


def score(dpgbench: Dpgbench, name: str, share: float) -> None:
    rng = np.random.default_rng(len(name))
    lines = [
        json.dumps(
            {
                "item_id": prompt.item_id,
                "image": image,
                "proposition_id": question.proposition_id,
                "answer": "yes" if rng.random() < share else "no",
            }
        )
        for prompt in load_suite("sample").prompts
        for image in range(2)
        for question in prompt.questions
    ]
    Path("answers.jsonl").write_text("\n".join(lines) + "\n")
    result = dpgbench("score", "--suite", "sample", "--answers", "answers.jsonl", "--out", f"runs/{name}")
    assert result.exit_code == 0, result.output


def test_runs_are_ranked_in_every_form(dpgbench: Dpgbench) -> None:
    score(dpgbench, "strong", 0.9)
    score(dpgbench, "weak", 0.2)
    shown = dpgbench("leaderboard", "--csv", "board.csv")
    assert shown.exit_code == 0, shown.output
    assert shown.stdout.index("strong") < shown.stdout.index("weak")
    assert "sample, judge imported, corrected protocol" in shown.stdout
    with Path("board.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [(row["rank"], row["model"], row["protocol"]) for row in rows] == [
        ("1", "strong", "corrected"),
        ("2", "weak", "corrected"),
        ("1", "strong", "official"),
        ("2", "weak", "official"),
    ]
    assert dpgbench("leaderboard", "--csv", "board.csv").exit_code == 0, "what would not change is no conflict"
    refused = dpgbench("leaderboard", "--published", "--csv", "board.csv")
    assert refused.exit_code == 2
    assert "board.csv is there already. Replace it with --force" in refused.stderr
    assert dpgbench("leaderboard", "--published", "--csv", "board.csv", "--force").exit_code == 0
    markdown = dpgbench("leaderboard", "runs", "--markdown")
    assert "| 1 | strong |" in markdown.stdout


def test_published_results_need_no_runs(dpgbench: Dpgbench) -> None:
    result = dpgbench("leaderboard", "--published")
    assert result.exit_code == 0, result.output
    assert "HiDream-O1-Image-Pro" in result.stdout
    assert "as claimed" in result.stdout


def test_a_place_where_nothing_can_be_written_is_told_without_another_options_name(dpgbench: Dpgbench) -> None:
    Path("file").write_text("no folder")
    result = dpgbench("leaderboard", "--published", "--csv", "file/board.csv")
    assert result.exit_code == 2, result.output
    assert "file/board.csv can't be written" in result.stderr
    assert "Name another place." in result.stderr
    assert "--out" not in result.stderr


def test_a_site_is_written_beside_the_table(dpgbench: Dpgbench) -> None:
    score(dpgbench, "strong", 0.9)
    result = dpgbench("leaderboard", "--published", "--site", "site")
    assert result.exit_code == 0, result.output
    assert "strong" in result.stdout
    assert "Written: site/index.html" in result.stderr
    assert "with 1 reports" in result.stderr
    assert Path("site/reports/strong-imported.html").is_file()
    Path("site/index.html").write_text("mine")
    refused = dpgbench("leaderboard", "--published", "--site", "site")
    assert refused.exit_code == 2
    assert "Replace it with --force" in refused.stderr
    assert Path("site/index.html").read_text() == "mine"


@pytest.mark.parametrize("args", [(), ("empty",), ("empty", "--published"), ("none",)])
def test_an_empty_folder_is_one_message_and_writes_nothing(
    dpgbench: Dpgbench, tmp_path: Path, args: tuple[str, ...]
) -> None:
    Path("empty").mkdir()
    result = dpgbench("leaderboard", *args, "--csv", "board.csv")
    assert result.exit_code == 2, result.output
    assert len(result.stderr.strip().splitlines()) == 1
    assert [file.name for file in tmp_path.iterdir()] == ["empty"]
