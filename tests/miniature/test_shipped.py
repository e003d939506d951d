"""The shipped models of the miniature: what they weigh, what they know, and that they are models like any other."""

import ast
import json
import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

import dpg_bench as dpg
from dpg_bench.cli.app import app
from dpg_bench.hub.cache import shipped_folder
from dpg_bench.judge.base import Judge, JudgeSettings
from dpg_bench.judge.mplug.spec import MINI_MPLUG
from dpg_bench.miniature.accuracy import judge_accuracy
from dpg_bench.miniature.drawing.picture import draw
from dpg_bench.miniature.shipping import MOST_MEGABYTES, SHIPPED
from dpg_bench.miniature.suite import Item, suite_items
from dpg_bench.plugins import NoOptions
from dpg_bench.score.stats import PairedDifference

PACKAGE = Path(dpg.__file__).parent
NAMING_THEM = {"generate/models/mini.py", "generate/registry.py", "judge/registry.py", "judge/mplug/spec.py"}


@pytest.fixture(scope="module")
def judge() -> Judge:
    settings = JudgeSettings(judge="mini-mplug", options=NoOptions(), device="cpu", dtype="float32")
    return MINI_MPLUG.load(settings)


def test_they_weigh_at_most_25_megabytes_and_each_has_a_card_and_its_training_logs() -> None:
    weights = shipped_folder("weights")
    assert sum(path.stat().st_size for path in weights.rglob("*") if path.is_file()) <= MOST_MEGABYTES * 1e6
    assert {path.name for path in weights.iterdir()} == {shipped.name for shipped in SHIPPED}
    for shipped in SHIPPED:
        card = (weights / shipped.name / "README.md").read_text(encoding="utf-8")
        assert "steps" in card
        logs = {log.name for log in (weights / shipped.name).glob("log-*")}
        assert logs
        assert set(re.findall(r"`(log-[^`]+)`", card)) == logs


def test_the_judge_is_right_about_scenes_it_never_saw_in_every_category_for_both_answers(judge: Judge) -> None:
    # In ten scenes there are two letters, and three parts that could be there and aren't.
    accuracy = judge_accuracy(judge, scenes=600, seed="shipped")
    asked = sum(tally.asked for tally in accuracy.values())
    assert asked > 20_000
    assert sum(tally.right for tally in accuracy.values()) / asked >= 0.97
    for (category, truth), tally in accuracy.items():
        assert tally.asked > 0, (category, truth)
        assert tally.share >= 0.93, (category, truth, tally)


def test_rendered_truth_scores_at_least_95_and_images_of_other_prompts_at_most_50(judge: Judge) -> None:
    items = suite_items()[:24]
    assert overall(judge, items, pictured=items) >= 95
    assert overall(judge, items, pictured=[*items[7:], *items[:7]]) <= 50


def overall(judge: Judge, items: Sequence[Item], *, pictured: Sequence[Item]) -> float:
    """The corrected overall score, of 100, of one rendered scene for each item's prompt."""
    whole = dpg.load_suite("miniature")
    suite = replace(whole, prompts=tuple(prompt for prompt in whole if prompt.item_id in {i.item_id for i in items}))
    metric = dpg.DPGScore(suite, judge=dpg.LoadedJudge("mini-mplug", judge))
    for item, other in zip(items, pictured, strict=True):
        metric.update(item.item_id, [draw(other.scene, f"render {item.item_id}")])
    value = metric.compute().flat()["corrected/overall"]
    assert value is not None
    return value


def test_ella_follows_dense_prompts_better_than_stable_diffusion(tmp_path: Path) -> None:
    difference = compared(tmp_path, "--limit", "12", "--images-per-prompt", "2")
    assert difference.value > 0
    assert difference.clear


@pytest.mark.nightly
def test_ella_is_ten_points_better_on_the_whole_suite(tmp_path: Path) -> None:
    difference = compared(tmp_path)
    assert difference.value >= 10
    assert difference.clear


def compared(folder: Path, *options: str) -> PairedDifference:
    """How much better `mini-ella-sd15` is than `mini-sd15`, corrected, by the ordinary commands."""
    for model in ("mini-sd15", "mini-ella-sd15"):
        call(["run", "--model", model, "--suite", "miniature", *options, "--out", str(folder / model)])
        call(["score", str(folder / model), "--judge", "mini-mplug"])
    return dpg.compare(folder / "mini-sd15", folder / "mini-ella-sd15").scores[0].paired


def test_both_models_run_and_are_judged_by_the_ordinary_commands(tmp_path: Path) -> None:
    for model in ("mini-sd15", "mini-ella-sd15"):
        run = tmp_path / model
        small = ["--limit", "1", "--images-per-prompt", "1", "--steps", "3", "--out", str(run)]
        call(["run", "--model", model, "--suite", "miniature", *small])
        shown = call(["score", str(run), "--judge", "mini-mplug"])
        assert "mean nothing" not in shown  # on its own suite
        (image,) = (run / "images").iterdir()
        pixels = np.asarray(Image.open(image).convert("RGB"))
        assert pixels.shape == (64, 64, 3)
        assert pixels.std() > 5
        card = json.loads((run / "judgements" / "mini-mplug" / "scorecard.json").read_text(encoding="utf-8"))
        assert card["suite"]["name"] == "miniature"


def test_on_another_suite_both_commands_say_that_it_means_nothing(tmp_path: Path) -> None:
    run = str(tmp_path / "run")
    drawn = call(["run", "--model", "mini-sd15", "--suite", "sample", "--limit", "1", "--steps", "2", "--out", run])
    judged = call(["score", run, "--judge", "mini-mplug"])
    for said, what in ((drawn, "images"), (judged, "answers")):
        assert f"was trained for the suite miniature alone: on sample its {what} mean nothing." in " ".join(
            said.split()
        )


def call(arguments: list[str]) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    return result.output


def test_no_code_but_the_registries_knows_their_names() -> None:
    knowing = set()
    for path in PACKAGE.rglob("*.py"):
        place = path.relative_to(PACKAGE).as_posix()
        if place.startswith("miniature/"):
            continue
        tree = ast.parse(path.read_text(encoding="utf-8"))
        texts = [
            node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
        ]
        names = [node.id for node in ast.walk(tree) if isinstance(node, ast.Name)]
        if any(text.startswith("mini-") for text in texts) or any(name.startswith("MINI_") for name in names):
            knowing.add(place)
    assert knowing == NAMING_THEM
