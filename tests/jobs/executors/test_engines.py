"""Workers that may die: processes on devices, actors of Ray. Whatever happens, the bytes are those of one process."""

from __future__ import annotations

import importlib.util
import pickle
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.files.run_folder import RunDir
from dpg_bench.generate.in_memory import LoadedModel
from dpg_bench.generate.registry import find_model, model_specs
from dpg_bench.jobs import RunRequest, ScoreRequest, execute_run, execute_score, plan_run, plan_score
from dpg_bench.jobs.executors.blocks import Engine, Work
from dpg_bench.jobs.executors.generation import execute_run_on
from dpg_bench.jobs.executors.judging import execute_score_on
from dpg_bench.jobs.executors.local import LocalProcesses
from dpg_bench.jobs.executors.ray import RayActors
from dpg_bench.judge.registry import find_judge, judge_specs
from dpg_bench.suite.registry import load_suite
from tests.jobs.executors.deadly import Dangers, deadly_judge, deadly_model

JUDGE = "tiny-mplug"
ITEMS = 8
PROMPTS = load_suite("sample").prompts[:ITEMS]
ONCE, POISON = PROMPTS[1], PROMPTS[4]
SMALL: Mapping[str, Any] = {"suite": "sample", "limit": ITEMS, "steps": 1, "size": 32, "device": "cpu"}


def two_processes(work: Work) -> Engine:
    return LocalProcesses(work, ["cpu", "cpu"])


def three_actors(work: Work) -> Engine:
    return RayActors(work, workers=3)


ENGINES = [
    pytest.param(two_processes, id="processes"),
    pytest.param(
        three_actors,
        id="ray",
        marks=pytest.mark.skipif(importlib.util.find_spec("ray") is None, reason="Ray isn't installed"),
    ),
]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that one process made and judged."""
    out = tmp_path_factory.mktemp("alone") / "run"
    execute_run(plan_run(RunRequest(model="tiny-sd15", out=out, **SMALL)))
    execute_score(plan_score(ScoreRequest(path=out, judge=JUDGE)))
    return out


def results(run: Path) -> dict[str, bytes]:
    names = ("run.json", "generation.jsonl", ".lock")
    files = (file for file in run.rglob("*") if file.is_file() and file.name not in names)
    return {file.relative_to(run).as_posix(): file.read_bytes() for file in files}


def test_two_processes_that_one_command_starts_give_the_bytes_of_one(alone: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    drawn = execute_run_on(plan_run(RunRequest(model="tiny-sd15", out=out, **SMALL)), two_processes)
    assert (len(drawn.made), drawn.left) == (ITEMS, 0)
    execute_score_on(plan_score(ScoreRequest(path=out, judge=JUDGE, device="cpu")), two_processes)
    assert results(out) == results(alone)
    again = execute_run_on(plan_run(RunRequest(model="tiny-sd15", out=out, **SMALL)), two_processes)
    assert (again.made, len(again.kept)) == ((), ITEMS)


@pytest.mark.nightly
@pytest.mark.parametrize("start", ENGINES)
def test_a_worker_that_dies_and_a_poisonous_item_change_nothing_but_that_item(
    start: Callable[[Work], Engine], alone: Path, tmp_path: Path
) -> None:
    out = tmp_path / "run"
    dangers = Dangers(tmp_path / "mark", once=ONCE.text, always=POISON.text)
    request = RunRequest(model=deadly_model(dangers), out=out, **SMALL)
    drawn = execute_run_on(plan_run(request), start)
    assert list(drawn.failed) == [POISON.item_id]
    assert "its worker ended 2 times while it was at it" in drawn.failed[POISON.item_id]
    assert (len(drawn.made), drawn.left) == (ITEMS - 1, 0)
    record = RunDir(out).read_record()
    assert record is not None
    assert (record.status, record.failed_items) == ("incomplete", [POISON.item_id])
    poisoned = RunDir(alone).image(POISON.item_id).name
    assert results(out) == {
        name: content
        for name, content in results(alone).items()
        if name.startswith("images/") and not name.endswith(poisoned)
    }

    # The same command, once the item kills nobody any more, makes it alone.
    cured = execute_run_on(plan_run(replace(request, model="tiny-sd15")), start)
    assert (cured.made, len(cured.kept), cured.failed) == ((POISON.item_id,), ITEMS - 1, {})

    first = Dangers(tmp_path / "mark-2", once=ONCE.questions[0].text, always=POISON.questions[1].text)
    scored = execute_score_on(plan_score(ScoreRequest(path=out, judge=deadly_judge(first), device="cpu")), start)
    assert not scored.scorecard.complete
    assert [
        (one.item_id, "its worker ended 2 times" in one.reason) for one in scored.scorecard["corrected"].excluded
    ] == [(POISON.item_id, True)]
    execute_score_on(plan_score(ScoreRequest(path=out, judge=JUDGE, device="cpu")), start)
    assert results(out) == results(alone)
    assert not RunDir(out).shards.exists()


@pytest.mark.nightly
@pytest.mark.parametrize("start", ENGINES)
def test_what_concerns_all_of_the_work_ends_it_with_its_own_message(
    start: Callable[[Work], Engine], tmp_path: Path
) -> None:
    out = tmp_path / "run"
    plan = plan_run(RunRequest(model="tiny-sd15", out=out, **SMALL))
    execute_run(plan_run(RunRequest(model="tiny-sd15", out=out, **{**SMALL, "steps": 2})))
    with pytest.raises(BadInputError, match="was made with other settings: steps was 2, now 1"):
        execute_run_on(plan, start)


def test_a_model_in_memory_can_not_be_sent_to_another_process(tmp_path: Path) -> None:
    model = LoadedModel("mine", lambda *_: [])
    with pytest.raises(BadInputError, match="can't be sent to another process"):
        execute_run_on(plan_run(RunRequest(model=model, suite="sample", out=tmp_path / "run")), two_processes)
    assert not (tmp_path / "run" / "run.json").exists()


@pytest.mark.parametrize("name", [*judge_specs(), "vlm:owner/name", "openai:name@http://127.0.0.1/v1"])
def test_the_specs_of_judges_can_be_sent(name: str) -> None:
    assert pickle.loads(pickle.dumps(find_judge(name))).name == find_judge(name).name


@pytest.mark.parametrize("name", [*model_specs(), "diffusers:owner/name", "openai:name@http://127.0.0.1/v1"])
def test_the_specs_of_models_can_be_sent(name: str) -> None:
    assert pickle.loads(pickle.dumps(find_model(name))).name == name
