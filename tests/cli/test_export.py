"""`dpgbench export` on a scored run, and on what can't be exported."""

from __future__ import annotations

from pathlib import Path

from dpg_bench.suite.registry import load_suite
from tests.cli.conftest import Dpgbench


def test_a_scored_run_is_exported_and_the_same_export_is_no_error(dpgbench: Dpgbench) -> None:
    lines = [
        f"{prompt.item_id},0,{question.proposition_id},yes"
        for prompt in load_suite("sample").prompts
        for question in prompt.questions
    ]
    Path("answers.csv").write_text("\n".join(["item_id,image,proposition_id,answer", *lines]) + "\n")
    assert dpgbench("score", "--suite", "sample", "--answers", "answers.csv", "--out", "runs/mine").exit_code == 0
    first = dpgbench("export", "runs/mine", "--dataset", "me/sample")
    assert first.exit_code == 0, first.output
    files = [Path(line) for line in first.stdout.splitlines()]
    assert Path("exports/mine/model/.eval_results/dpg-bench.yaml") in files
    assert all(file.exists() for file in files)
    again = dpgbench("export", "runs/mine", "--dataset", "me/sample")
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    other = dpgbench("export", "runs/mine", "--dataset", "another/sample")
    assert other.exit_code == 2
    assert "--force" in other.stderr
    assert dpgbench("export", "runs/mine", "--dataset", "another/sample", "--force").exit_code == 0


def test_what_is_no_scored_run_is_refused(dpgbench: Dpgbench, tmp_path: Path) -> None:
    Path("empty").mkdir()
    for path in ("empty", "none"):
        result = dpgbench("export", path)
        assert result.exit_code == 2
        assert path in result.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["empty"]
