"""The GitHub Action, its own steps run by a shell as a runner would; and what all workflows must keep to."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from dpg_bench.suite.registry import load_suite

ROOT = Path(__file__).resolve().parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
WORKFLOWS = {file.name: file.read_text(encoding="utf-8") for file in sorted((ROOT / ".github/workflows").glob("*.yml"))}


@dataclass(frozen=True)
class Ran:
    """What a job that uses the action sees: whether the job goes on, the action's outputs, and the files it left."""

    code: int
    outputs: Mapping[str, str]
    summary: str
    printed: str


def value(expression: str, known: Mapping[str, str]) -> str:
    """`text ${{ name }} text` with the names' values."""
    return re.sub(r"\$\{\{ *([\w.-]+) *\}\}", lambda found: known[found[1]], expression)


def holds(condition: str, known: Mapping[str, str]) -> bool:
    """Whether one of `name == 'value' || …` is so."""
    parts = [re.fullmatch(r"([\w.-]+) == '(\w+)'", part.strip()) for part in condition.split("||")]
    return any(known[part[1]] == part[2] for part in parts if part is not None)


@pytest.fixture
def act(tmp_path: Path) -> Callable[..., Ran]:
    def run(**given: str) -> Ran:
        inputs = {name: one.get("default", "") for name, one in ACTION["inputs"].items()} | given
        known = {f"inputs.{name}": text for name, text in inputs.items()} | {"github.action_path": str(ROOT)}
        output, summary = tmp_path / "output", tmp_path / "summary"
        output.write_text("")
        summary.write_text("")
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        environment = {
            **os.environ,
            "PATH": path,
            "PYTHONPATH": str(ROOT),
            "GITHUB_ACTIONS": "true",
            "GITHUB_OUTPUT": str(output),
            "GITHUB_STEP_SUMMARY": str(summary),
        }
        printed = ""
        code = 0
        for step in ACTION["runs"]["steps"]:
            if "if" in step and not holds(step["if"], known):
                continue
            told = {name: value(text, known) for name, text in step.get("env", {}).items()}
            shell = ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]]
            done = subprocess.run(
                shell, cwd=tmp_path, env=environment | told, capture_output=True, text=True, check=False
            )
            printed += done.stdout + done.stderr
            if done.returncode:
                code = done.returncode
                break
            for line in output.read_text(encoding="utf-8").splitlines():
                name, _, text = line.partition("=")
                known[f"steps.{step.get('id')}.outputs.{name}"] = text
        outputs = {name: value(one["value"], known) for name, one in ACTION["outputs"].items()}
        return Ran(code, outputs, summary.read_text(encoding="utf-8"), printed)

    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three runs of the sample suite: `good`, one `worse` than that, and a `part` of one."""
    from dpg_bench.jobs import ScoreRequest, execute_score, plan_score

    folder = tmp_path_factory.mktemp("runs")
    prompts = load_suite("sample").prompts
    for name, chosen, told in (("good", prompts, 9), ("worse", prompts, 4), ("part", prompts[:-1], 9)):
        answers = folder / f"{name}.jsonl"
        lines = [
            {
                "item_id": prompt.item_id,
                "image": image,
                "proposition_id": question.proposition_id,
                "answer": "yes" if (7 * question.proposition_id + 3 * image + place) % 10 < told else "no",
            }
            for place, prompt in enumerate(chosen)
            for image in range(2)
            for question in prompt.questions
        ]
        answers.write_text("".join(f"{json.dumps(line)}\n" for line in lines), encoding="utf-8")
        execute_score(plan_score(ScoreRequest(answers=answers, suite="sample", out=folder / name)))
    return folder


def test_a_run_as_good_as_its_baseline_passes_with_markdown_for_a_comment(
    act: Callable[..., Ran], runs: Path, tmp_path: Path
) -> None:
    ran = act(run=f"{runs}/good", baseline=f"{runs}/good", install="false", junit="check.xml", categories="true")
    assert ran.code == 0, ran.printed
    assert ran.outputs == {"verdict": "passed", "exit-code": "0", "markdown": "dpg-bench-check.md"}
    comment = (tmp_path / "dpg-bench-check.md").read_text(encoding="utf-8")
    assert comment.startswith("### DPG-Bench: ok\n")
    assert "| ok | overall |" in comment
    assert ran.summary.strip() == comment.strip()
    assert ElementTree.parse(tmp_path / "check.xml").getroot().tag.startswith("testsuite")  # noqa: S314 - our own


def test_a_worse_run_fails_the_job_unless_it_is_only_to_be_told(act: Callable[..., Ran], runs: Path) -> None:
    worse = {"run": f"{runs}/worse", "baseline": f"{runs}/good", "install": "false"}
    failed = act(**worse)
    assert (failed.code, failed.outputs["verdict"], failed.outputs["exit-code"]) == (4, "failed", "4")
    assert "### DPG-Bench: Regression" in failed.summary
    assert "::error title=DPG-Bench" in failed.printed
    told = act(**worse, fail="false", markdown="told.md")
    assert (told.code, told.outputs["verdict"], told.outputs["markdown"]) == (0, "failed", "told.md")
    assert act(**worse, **{"max-drop": "90"}).code == 0


def test_gaps_and_bad_input_never_pass(act: Callable[..., Ran], runs: Path) -> None:
    part = act(run=f"{runs}/part", baseline=f"{runs}/good", install="false")
    assert (part.code, part.outputs["verdict"]) == (3, "incomplete")
    absent = act(run=f"{runs}/absent", baseline=f"{runs}/good", install="false", fail="false")
    assert (absent.code, absent.outputs["verdict"]) == (2, "error"), "it isn't for `fail` to hide a mistake"
    assert "There is no" in absent.printed


def test_nothing_that_a_caller_gives_is_run(act: Callable[..., Ran], runs: Path, tmp_path: Path) -> None:
    ran = act(run="$(touch hacked)`touch hacked`; touch hacked", baseline=f"{runs}/good", install="false")
    assert ran.code == 2
    assert not (tmp_path / "hacked").exists()
    assert all("${{" not in step["run"] for step in ACTION["runs"]["steps"])


def test_the_step_that_installs_is_the_only_one_left_out_here(runs: Path) -> None:
    (step,) = [one for one in ACTION["runs"]["steps"] if one.get("if") == "inputs.install == 'true'"]
    assert step["run"].startswith("python -m pip install")
    assert holds(step["if"], {"inputs.install": ACTION["inputs"]["install"]["default"]})


@pytest.mark.parametrize("name", WORKFLOWS)
def test_workflows_pin_what_they_use_and_may_do_no_more_than_they_need(name: str) -> None:
    for line in re.findall(r"uses: (.+)", WORKFLOWS[name]):
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+", line), line
    content: dict[Any, Any] = yaml.safe_load(WORKFLOWS[name])
    assert content["permissions"] == {"contents": "read"}
    for job in content["jobs"].values():
        assert job["timeout-minutes"]
        for step in job["steps"]:
            assert "${{" not in step.get("run", ""), "values reach a script as variables"
            if step.get("uses", "").startswith("actions/checkout"):
                assert step["with"]["persist-credentials"] is False


def test_the_example_gives_the_action_what_it_takes() -> None:
    example = yaml.safe_load((ROOT / "examples/github/gate.yml").read_text(encoding="utf-8"))
    (step,) = [one for one in example["jobs"]["gate"]["steps"] if one.get("id") == "gate"]
    assert step["with"].keys() <= ACTION["inputs"].keys()
    assert {name for name, one in ACTION["inputs"].items() if one["required"]} <= step["with"].keys()


def test_one_pin_an_action() -> None:
    pins: dict[str, set[str]] = {}
    for action, pin in re.findall(r"uses: ([\w.-]+/[\w.-]+)@(.+)", "".join(WORKFLOWS.values())):
        pins.setdefault(action, set()).add(pin)
    assert {action: found for action, found in pins.items() if len(found) > 1} == {}


def test_what_workflows_call_is_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"run: make (\w+)", "".join(WORKFLOWS.values())):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_the_form_about_scores_asks_for_the_report_of_the_doctor() -> None:
    forms = {
        file.name: yaml.safe_load(file.read_text(encoding="utf-8"))
        for file in (ROOT / ".github/ISSUE_TEMPLATE").iterdir()
    }
    labels = [part["attributes"].get("label", "") for part in forms["score-is-off.yml"]["body"]]
    assert "`dpgbench doctor --report`" in labels
    for name, form in forms.items():
        if name != "config.yml":
            assert {"name", "description", "body"} <= form.keys()
            ids = [part["id"] for part in form["body"] if "id" in part]
            assert len(set(ids)) == len(ids)


def test_the_documentation_names_every_input_and_no_other() -> None:
    text = (ROOT / "docs/ci.md").read_text(encoding="utf-8")
    part = text[text.index("## The same as an action") : text.index("Where the scores are made elsewhere")]
    block = yaml.safe_load(re.findall(r"^```yaml\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)[0])
    (step,) = block
    listed = re.findall(r"`([\w-]+)`", part[part.index("Further inputs are") :])
    assert {*step["with"], *listed} == set(ACTION["inputs"])
