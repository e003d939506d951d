"""Scores reach each tracker: wandb and mlflow in their offline modes, trackio through its documented calls."""

from __future__ import annotations

import json
import math
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dpg_bench.errors import BadInputError, DpgBenchError
from dpg_bench.records import Prompt, Question, Suite
from dpg_bench.report.export.trackers import find_tracker, log_to_tracker, run_config, score_metrics
from dpg_bench.report.runs import JudgedRun
from dpg_bench.score.scorecard import JudgeCard, RunCard
from dpg_bench.score.scoring import answers_to_scorecard

QUESTIONS = (Question(1, (), "entity", "entity - whole", "A?"), Question(2, (1,), "mood", "mood - [dark]", "B?"))


@pytest.fixture
def run() -> JudgedRun:
    """Ten prompts, of which every other one has no `mood`."""
    suite = Suite("small", "small.csv", tuple(Prompt(f"item{k}", "A prompt.", QUESTIONS) for k in range(10)))
    answers = {f"item{k}": {0: {1: "yes", 2: "yes" if k % 2 else "no"}} for k in range(10)}
    settings = {"steps": 25, "seeds": None}
    card = answers_to_scorecard(
        suite,
        answers,
        judge=JudgeCard(name="mplug", fingerprint="abc"),
        run=RunCard(model="sd15", settings=settings, images_per_prompt=1, scored_by="0.1.0"),
    )
    return JudgedRun("a-run", card, Path("scorecard.json"), None, None)


def test_metrics_are_the_scores_with_their_intervals_under_both_protocols(run: JudgedRun) -> None:
    metrics = score_metrics(run)
    assert metrics["corrected/overall"] == run.card.flat()["corrected/overall"] == 75
    assert metrics["corrected/overall low"] < 75 < metrics["corrected/overall high"]
    assert metrics["official/entity"] == 100
    assert metrics["corrected/mood - _dark_"] == 50
    assert all(math.isfinite(value) for value in metrics.values())
    assert run_config(run) | {"suite_digest": ""} == {
        "model": "sd15",
        "suite": "small",
        "suite_digest": "",
        "judge": "mplug",
        "judge_fingerprint": "abc",
        "images_per_prompt": 1,
        "prompts_scored": 10,
        "prompts_in_suite": 10,
        "scored_by": "0.1.0",
        "settings.steps": "25",
    }


def test_an_unknown_tracker_and_one_that_is_not_installed_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(BadInputError, match="Did you mean 'wandb'"):
        find_tracker("wandbb")
    monkeypatch.setattr("importlib.util.find_spec", lambda _: None)
    with pytest.raises(DpgBenchError, match=r"dpg-bench\[mlflow\]"):
        find_tracker("mlflow")


# The trackers warn of matters of their own, differently in every version.
@pytest.mark.filterwarnings("ignore")
def test_wandb_offline_keeps_the_scores(run: JudgedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    log_to_tracker(run, "wandb", project="test")
    (recorded,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    named = (b"corrected/overall high", b"judge_fingerprint")
    until = time.monotonic() + 60  # a process of wandb's own writes the file, and may do so a little later
    while not all(name in recorded.read_bytes() for name in named):
        assert time.monotonic() < until, f"{recorded} never held {named}"
        time.sleep(0.2)


@pytest.mark.filterwarnings("ignore")
def test_mlflow_on_this_machine_keeps_the_scores(
    run: JudgedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow

    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")  # its database takes 14 s to set up
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri((tmp_path / "mlruns").as_uri())
    log_to_tracker(run, "mlflow", project="test")
    experiment = mlflow.get_experiment_by_name("test")
    (recorded,) = mlflow.MlflowClient().search_runs([experiment.experiment_id])
    assert recorded.info.run_name == "a-run"
    assert recorded.data.metrics == dict(score_metrics(run))
    assert recorded.data.params["settings.steps"] == "25"


class Trackio(ModuleType):
    """The calls of trackio's documentation, kept (https://huggingface.co/docs/trackio, version 0.43).

    trackio itself can't be installed beside the Pillow that the tests pin.
    """

    def __init__(self) -> None:
        super().__init__("trackio")
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def init(
        self, project: str, *, name: str | None = None, config: dict[str, Any] | None = None, embed: bool = True
    ) -> None:
        self.calls.append(("init", {"project": project, "name": name, "config": config, "embed": embed}))

    def log(self, metrics: dict[str, Any]) -> None:
        self.calls.append(("log", json.loads(json.dumps(metrics))))

    def finish(self) -> None:
        self.calls.append(("finish", {}))


def test_trackio_is_called_as_its_documentation_says(run: JudgedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    trackio = Trackio()
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    log_to_tracker(run, "trackio", project="test")
    assert trackio.calls == [
        ("init", {"project": "test", "name": "a-run", "config": dict(run_config(run)), "embed": False}),
        ("log", dict(score_metrics(run))),
        ("finish", {}),
    ]


def test_a_part_of_the_suite_is_recorded_under_names_of_its_own(
    run: JudgedRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = run.card["corrected"].model_copy(update={"partial": "10 of 40 prompts"})
    suite = run.card.suite.model_copy(update={"prompts": 40})
    card = run.card.model_copy(update={"suite": suite, "protocols": {**run.card.protocols, "corrected": part}})
    trackio = Trackio()
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    log_to_tracker(JudgedRun("a-run", card, run.file, None, None), "trackio", project="test")
    (_, begun), (_, metrics), _ = trackio.calls
    assert begun["name"] == "a-run (10 of 40 prompts)"
    assert metrics["part of the suite/corrected/overall"] == 75
    assert all(name.startswith("part of the suite/") for name in metrics)


def test_what_a_tracker_says_against_it_is_told(run: JudgedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    trackio = Trackio()
    monkeypatch.setattr(trackio, "init", lambda *_, **__: 1 / 0)
    monkeypatch.setitem(sys.modules, "trackio", trackio)
    with pytest.raises(DpgBenchError, match="trackio did not record the scores: division by zero"):
        log_to_tracker(run, "trackio", project="test")
