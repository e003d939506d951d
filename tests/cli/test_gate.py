"""`compare`, `baseline` and `check` as commands, on answers about the sample suite."""

from __future__ import annotations

import csv
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml

from dpg_bench.suite.registry import load_suite
from tests.cli.conftest import Dpgbench

CI = Path(__file__).resolve().parents[2] / "docs" / "ci.md"
WORKFLOWS = [
    block
    for block in re.findall(r"^```ya?ml\n(.*?)^```$", CI.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    if "dpgbench check" in block
]
Scored = Callable[..., Path]


@pytest.fixture
def scored(dpgbench: Dpgbench, tmp_path: Path) -> Scored:
    """Draws answers about the sample suite, of which about `yes` are yes, scores them, and gives the run's folder."""

    def make(name: str, *, yes: float, seed: int = 0) -> Path:
        rng = np.random.default_rng(seed)
        with (tmp_path / f"{name}.csv").open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(["item_id", "image", "proposition_id", "answer"])
            for prompt in load_suite("sample").prompts:
                for image in range(4):
                    for question in prompt.questions:
                        answer = "yes" if rng.random() < yes else "no"
                        writer.writerow([prompt.item_id, image, question.proposition_id, answer])
        result = dpgbench("score", "--suite", "sample", "--answers", f"{name}.csv", "--out", name)
        assert result.exit_code == 0, result.output
        return Path(name)

    return make


def test_compare_prints_a_table_and_writes_csv(dpgbench: Dpgbench, scored: Scored) -> None:
    a, b = scored("a", yes=0.7), scored("b", yes=0.9, seed=1)
    result = dpgbench("compare", a, b, "--csv", "out.csv")
    assert result.exit_code == 0, result.output
    overall = next(line for line in result.stdout.splitlines() if line.startswith("overall"))
    assert "▲" in overall
    assert any(q.text in result.stdout for p in load_suite("sample").prompts for q in p.questions)
    with Path("out.csv").open(newline="") as file:
        assert next(csv.DictReader(file))["clear"] == "True"
    again = dpgbench("compare", b, a, "--csv", "out.csv")
    assert again.exit_code == 2
    assert "out.csv is there already. Replace it with --force" in again.stderr
    assert dpgbench("compare", b, a, "--csv", "out.csv", "--force").exit_code == 0


def test_compare_prints_json_or_markdown(dpgbench: Dpgbench, scored: Scored) -> None:
    a, b, c = scored("a", yes=0.7), scored("b", yes=0.9, seed=1), scored("c", yes=0.7, seed=2)
    data = json.loads(dpgbench("compare", a, b, c, "--json", "--top", "2").stdout)
    assert [one["second"]["name"] for one in data["comparisons"]] == ["b", "c"]
    assert len(data["comparisons"][0]["items"]) == 2
    markdown = dpgbench("compare", a, b, "--markdown", "--top", "0", "--protocol", "official")
    assert markdown.stdout.startswith("### A: a, B: b; official protocol")
    assert dpgbench("compare", a, b, "--markdown", "--json").exit_code == 2
    assert dpgbench("compare", a).exit_code == 2


@pytest.mark.parametrize("command", ["compare", "check", "baseline"])
def test_bad_paths_and_scorecards_are_one_message(dpgbench: Dpgbench, scored: Scored, command: str) -> None:
    run = scored("a", yes=0.7)
    file = run / "judgements/imported/scorecard.json"
    content = file.read_text()
    broken = {
        "absent": ("absent", "There is no absent"),
        "truncated": (content[:-100], "is truncated"),
        "edited": (content.replace('"complete": true', '"complete": false', 1), "was changed after it was written"),
        "newer": (content.replace('"schema": 3', '"schema": 9'), "written by a newer dpg-bench"),
    }
    for name, (text, message) in broken.items():
        if name != "absent":
            Path(name).write_text(text)
        rest = {"compare": [run], "check": ["--baseline", run], "baseline": ["-o", "out.json"]}[command]
        result = dpgbench(command, name, *rest)
        assert result.exit_code == 2, name
        assert message in result.stderr
        assert result.stdout == ""
    assert not Path("out.json").exists()


def test_baseline_then_check_passes_warns_or_fails(dpgbench: Dpgbench, scored: Scored) -> None:
    good, alike, bad = scored("good", yes=0.9), scored("alike", yes=0.9, seed=1), scored("bad", yes=0.5, seed=2)
    made = dpgbench("baseline", good)
    assert made.exit_code == 0, made.output
    file = Path("reports/baselines/good.json")
    assert str(file) in made.stderr
    assert dpgbench("check", good, "--baseline", file).exit_code == 0
    unclear = dpgbench("check", alike, "--baseline", file)
    assert unclear.exit_code == 0
    assert "can't tell" in unclear.stdout
    failed = dpgbench("check", bad, "--baseline", file, "--categories", "--junit", "out.xml")
    assert failed.exit_code == 4
    assert "FAIL        overall" in failed.stdout
    assert 'failures="' in Path("out.xml").read_text()
    as_json = dpgbench("check", bad, "--baseline", file, "--json")
    assert as_json.exit_code == 4
    assert json.loads(as_json.stdout)["verdict"] == "regression"
    before = file.read_bytes()
    assert dpgbench("baseline", bad, "-o", file).exit_code == 2
    assert file.read_bytes() == before
    assert dpgbench("baseline", bad, "-o", file, "--force").exit_code == 0


def test_check_refuses_a_baseline_for_another_suite(dpgbench: Dpgbench, scored: Scored) -> None:
    run = scored("a", yes=0.7)
    header = "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple,"
    Path("other.csv").write_text(
        f"{header}question_natural_language\nx,A cat.,,1,0,entity,whole,entity - whole (cat),A cat?\n"
        "y,A dog.,,1,0,entity,whole,entity - whole (dog),A dog?\n"
    )
    Path("two.csv").write_text("item_id,image,proposition_id,answer\nx,0,1,yes\ny,0,1,yes\n")
    dpgbench("score", "--suite", "other.csv", "--answers", "two.csv", "--out", "other")
    result = dpgbench("check", run, "--baseline", "other")
    assert result.exit_code == 2
    assert "their suites differ" in result.stderr


def test_an_incomplete_run_does_not_pass(dpgbench: Dpgbench, scored: Scored) -> None:
    run = scored("a", yes=0.7)
    lines = Path("a.csv").read_text().splitlines(keepends=True)
    Path("part.csv").write_text("".join(lines[:-1]))
    assert dpgbench("score", "--suite", "sample", "--answers", "part.csv", "--out", "part").exit_code == 3
    result = dpgbench("check", "part", "--baseline", run)
    assert result.exit_code == 3
    assert "incomplete, which is no pass: 1 prompts have no score" in result.stdout
    assert dpgbench("baseline", "part").exit_code == 2


def test_github_actions_get_a_summary_and_annotations(dpgbench: Dpgbench, scored: Scored, tmp_path: Path) -> None:
    good, bad = scored("good", yes=0.9), scored("bad", yes=0.5, seed=2)
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    env = {"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)}
    result = dpgbench("check", bad, "--baseline", good, "--json", env=env)
    assert result.exit_code == 4
    assert "::error title=DPG-Bench%3A bad against good::overall" in result.stderr
    json.loads(result.stdout)
    text = summary.read_text()
    assert text.startswith("before\n### DPG-Bench: Regression")
    assert "::error" not in dpgbench("check", bad, "--baseline", good).stderr


def test_they_import_nothing_heavy(scored: Scored, tmp_path: Path) -> None:
    run = scored("a", yes=0.7)
    heavy = ("torch", "diffusers", "transformers", "datasets", "pandas", "scipy", "matplotlib", "modelscope")
    script = (
        "import sys\nfrom typer.testing import CliRunner\nfrom dpg_bench.cli.app import app\n"
        f"for line in ('compare {run} {run}', 'check {run} --baseline {run}', 'baseline {run} -o light.json'):\n"
        "    assert CliRunner().invoke(app, line.split()).exit_code == 0, line\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_the_documented_workflow_gates_the_sample_suite(
    workflow: str, dpgbench: Dpgbench, scored: Scored, tmp_path: Path
) -> None:
    """Its own steps, but for installing; its environment variables name toys in place of real models."""
    content = yaml.safe_load(workflow)
    (job,) = content["jobs"].values()
    steps = [shlex.split(step["run"]) for step in job["steps"] if "pip install" not in step.get("run", "pip install")]
    assert [step[:2] for step in steps] == [["dpgbench", "run"], ["dpgbench", "score"], ["dpgbench", "check"]]
    toys = {"DPGBENCH_MODEL": "tiny-sd15", "DPGBENCH_SUITE": "sample", "DPGBENCH_JUDGE": "tiny-mplug"}
    assert toys.keys() <= job["env"].keys()
    small = {"DPGBENCH_LIMIT": "12", "DPGBENCH_STEPS": "1", "DPGBENCH_IMAGES_PER_PROMPT": "1"}
    env = {**job["env"], **toys, **small, "GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(tmp_path / "summary.md")}
    (_, *generate), (_, *judge), (_, *check) = steps
    for step in (generate, judge):
        done = dpgbench(*step, env=env)
        assert done.exit_code == 0, done.output
    candidate, baseline = check[1], check[check.index("--baseline") + 1]
    assert dpgbench("baseline", candidate, "-o", baseline, env=env).exit_code == 0
    passed = dpgbench(*check, env=env)
    assert passed.exit_code == 0, passed.output
    assert "::notice" in passed.stderr
    better = scored("better", yes=1.0) / "judgements/imported/scorecard.json"
    assert dpgbench("baseline", better, "-o", baseline, "--force").exit_code == 0
    failed = dpgbench(*check, "--force", env=env)  # the JUnit file of the first check is there
    assert failed.exit_code == 4, failed.output
    assert "::error" in failed.stderr
    assert "Regression" in (tmp_path / "summary.md").read_text()
