"""Scores reach each tracker in its offline mode; the tests of trackers that aren't installed skip."""

from __future__ import annotations

import json
import math
from pathlib import Path

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
    assert metrics["corrected/overall"] == 75
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
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    log_to_tracker(run, "wandb", project="test")
    (recorded,) = tmp_path.glob("wandb/offline-run-*/*.wandb")
    content = recorded.read_bytes()
    assert b"corrected/overall high" in content
    assert b"judge_fingerprint" in content


@pytest.mark.filterwarnings("ignore")
def test_mlflow_on_this_machine_keeps_the_scores(
    run: JudgedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = pytest.importorskip("mlflow")
    pytest.importorskip("sqlalchemy")
    monkeypatch.chdir(tmp_path)
    mlflow.set_tracking_uri(f"sqlite:///{tmp_path / 'mlflow.db'}")
    log_to_tracker(run, "mlflow", project="test")
    experiment = mlflow.get_experiment_by_name("test")
    (recorded,) = mlflow.MlflowClient().search_runs([experiment.experiment_id])
    assert recorded.info.run_name == "a-run"
    assert recorded.data.metrics == dict(score_metrics(run))
    assert recorded.data.params["settings.steps"] == "25"


@pytest.mark.filterwarnings("ignore")
def test_trackio_on_this_machine_keeps_the_scores(
    run: JudgedRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path))
    pytest.importorskip("trackio")
    import sqlite3

    log_to_tracker(run, "trackio", project="test")
    (database,) = tmp_path.glob("*.db")
    with sqlite3.connect(database) as connection:
        logged = [json.loads(row[0]) for row in connection.execute("select metrics from metrics")]
    assert any(one.items() >= dict(score_metrics(run)).items() for one in logged)
