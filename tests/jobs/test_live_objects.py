"""Objects in place of names: a model that draws, a judge that is loaded, a suite, and specs of one's own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import dpg_bench as dpg
from dpg_bench.generate.registry import find_model
from dpg_bench.judge.registry import find_judge


def draw(prompts: Sequence[str], seeds: Sequence[int]) -> list[Image.Image]:
    noise = [np.random.default_rng(seed).integers(0, 256, (16, 16, 3), dtype=np.uint8) for seed in seeds]
    return [Image.fromarray(pixels) for pixels in noise]


@pytest.fixture
def suite() -> dpg.Suite:
    return dpg.load_suite("sample").select(2, seed=0)


def test_a_model_a_suite_and_a_judge_in_memory_do_the_whole_job(suite: dpg.Suite, tmp_path: Path) -> None:
    model = dpg.LoadedModel("mine", draw, {"step": 1000})
    dpg.execute_run(dpg.plan_run(dpg.RunRequest(model=model, suite=suite, out=tmp_path / "run")))
    record = json.loads((tmp_path / "run" / "run.json").read_text(encoding="utf-8"))
    assert record["settings"]["model"] == record["requested"]["model"] == "mine"
    assert record["generator"] == {"source": "a model in memory", "step": 1000}
    assert record["command"] == []
    judge = dpg.load_judge("tiny-mplug")
    result = dpg.execute_score(dpg.plan_score(dpg.ScoreRequest(path=tmp_path / "run", judge=judge)))
    by_name = dpg.ScoreRequest(path=tmp_path / "run", judge="tiny-mplug", suite=suite)
    assert dpg.execute_score(dpg.plan_score(by_name)).scorecard == result.scorecard
    assert result.scorecard.run.model == "mine"
    assert result.scorecard["corrected"].partial == "2 of 24 prompts"
    assert dpg.open_run(tmp_path / "run").card == result.scorecard


def test_a_run_goes_on_only_with_the_same_model_in_memory(suite: dpg.Suite, tmp_path: Path) -> None:
    def run(model: dpg.LoadedModel) -> None:
        dpg.execute_run(dpg.plan_run(dpg.RunRequest(model=model, suite=suite, out=tmp_path / "run")))

    run(dpg.LoadedModel("mine", draw, {"step": 1000}))
    run(dpg.LoadedModel("mine", draw, {"step": 1000}))
    with pytest.raises(dpg.BadInputError, match=r"made with another model: step was 1000, now 2000"):
        run(dpg.LoadedModel("mine", draw, {"step": 2000}))


def test_a_spec_of_ones_own_is_taken_as_it_is(suite: dpg.Suite, tmp_path: Path) -> None:
    model = replace(find_model("tiny-sd15"), name="my-tiny")
    judge = replace(find_judge("tiny-mplug"), name="my-judge")
    request = dpg.RunRequest(model=model, suite=suite, steps=1, images_per_prompt=1, out=tmp_path / "run")
    dpg.execute_run(dpg.plan_run(request))
    card = dpg.execute_score(dpg.plan_score(dpg.ScoreRequest(path=tmp_path / "run", judge=judge))).scorecard
    assert card.run.model == "my-tiny"
    assert (tmp_path / "run" / "judgements" / "my-judge" / "scorecard.json").is_file()


def test_a_model_that_draws_too_few_images_fails_by_item_and_never_scores_less(
    suite: dpg.Suite, tmp_path: Path
) -> None:
    model = dpg.LoadedModel("lazy", lambda prompts, seeds: draw(prompts, seeds)[:-1])
    outcome = dpg.execute_run(dpg.plan_run(dpg.RunRequest(model=model, suite=suite, out=tmp_path / "run")))
    assert len(outcome.failed) == 2
    assert all("was asked for 4 images and drew 3" in reason for reason in outcome.failed.values())


def test_paths_may_be_text() -> None:
    assert dpg.RunRequest(model="tiny-sd15", out="runs/x").out == Path("runs/x")  # type: ignore[arg-type]
    asked = dpg.ScoreRequest(path="images", answers="a.jsonl", files="list.csv", out="runs/x")  # type: ignore[arg-type]
    assert (asked.path, asked.answers) == (Path("images"), Path("a.jsonl"))
    assert (asked.files, asked.out) == (Path("list.csv"), Path("runs/x"))
