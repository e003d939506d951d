"""`dpgbench report` on the command line."""

from __future__ import annotations

import csv
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from dpg_bench.hub.cache import shipped_folder
from dpg_bench.suite.registry import load_suite

if TYPE_CHECKING:
    from tests.cli.conftest import Dpgbench


@pytest.fixture
def run(dpgbench: Dpgbench, tmp_path: Path) -> Path:
    with (tmp_path / "answers.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["item_id", "image", "proposition_id", "answer"])
        for prompt in load_suite("sample").prompts:
            writer.writerows([prompt.item_id, 0, q.proposition_id, "yes"] for q in prompt.questions)
    assert dpgbench("score", "--answers", "answers.csv", "--suite", "sample", "--out", "runs/a").exit_code == 0
    return tmp_path / "runs" / "a"


def test_report_prints_where_the_page_is(dpgbench: Dpgbench, run: Path) -> None:
    result = dpgbench("report", run)
    assert result.exit_code == 0
    assert result.stdout.strip() == str(run / "report.html")
    assert "24 of 24 items have no images" in result.stderr


def test_open_shows_the_page_in_the_browser(dpgbench: Dpgbench, run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr("webbrowser.open", opened.append)
    dpgbench("report", run, "--open")
    assert opened == [(run / "report.html").as_uri()]


def test_a_page_that_is_there_is_replaced_only_with_force(dpgbench: Dpgbench, run: Path) -> None:
    (run / "report.html").write_text("mine")
    refused = dpgbench("report", run)
    assert (refused.exit_code, refused.stdout) == (2, "")
    assert "--force" in refused.stderr
    assert dpgbench("report", run, "--force").exit_code == 0


def test_a_bundle_and_charts_are_written_where_they_are_wanted(
    dpgbench: Dpgbench, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    result = dpgbench("report", run, "--bundle", "site", "--charts", "charts")
    assert result.exit_code == 0
    assert result.stdout.strip() == str(Path("site") / "index.html")
    assert len(list((tmp_path / "charts").iterdir())) == 4 * 2 * 2 * 2, "charts, protocols, grounds, forms"
    assert "32 files of charts in charts" in result.stderr
    assert not (run / "report.html").exists()
    refused = dpgbench("report", run, "--bundle", "site", "--embed")
    assert refused.exit_code == 2
    assert "leave out --out and --embed" in refused.stderr
    monkeypatch.setenv("DPGBENCH_BUNDLE", "other")
    assert dpgbench("report", run).stdout.strip() == str(Path("other") / "index.html")


def test_a_report_of_a_suite_named_by_its_path_works_from_anywhere(
    dpgbench: Dpgbench, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(shipped_folder("prompts") / "sample.csv", tmp_path / "mine.csv")
    answers = ("--answers", "answers.csv", "--suite", "mine.csv")
    assert dpgbench("score", *answers, "--out", "runs/b").exit_code == 0
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    assert dpgbench("report", Path("..") / "runs" / "b").exit_code == 0
    (tmp_path / "mine.csv").unlink()
    assert dpgbench("report", Path("..") / "runs" / "b").exit_code == 0


def test_a_report_needs_none_of_the_heavy_libraries(run: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from dpg_bench.report.page import ReportRequest, write_report; "
        "from dpg_bench.suite.registry import load_suite; "
        "write_report(ReportRequest(paths=(Path(sys.argv[1]),)), load_suite=load_suite); "
        "heavy = {'torch', 'diffusers', 'transformers', 'pandas', 'datasets', 'modelscope', 'matplotlib'}; "
        "print(sorted(heavy & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", script, str(run)], capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")
