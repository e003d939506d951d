"""`DPGScore`: the same scores as through files, from whatever holds an image, in one process or several."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from typer.testing import CliRunner

import dpg_bench as dpg
from dpg_bench.cli.app import app
from dpg_bench.files.grid import make_grid
from dpg_bench.judge.in_memory import LoadedJudge
from dpg_bench.score.scorecard import scorecard_json

ITEMS = 4
IMAGES = 2


@pytest.fixture(scope="module")
def judge() -> LoadedJudge:
    return dpg.load_judge("tiny-mplug")


@pytest.fixture(scope="module")
def suite() -> dpg.Suite:
    return dpg.load_suite("sample").select(ITEMS, seed=0)


def picture(item_id: str, image: int) -> Image.Image:
    noise = np.random.default_rng([image, *item_id.encode()])
    return Image.fromarray(noise.integers(0, 256, (40, 40, 3), dtype=np.uint8))


@pytest.fixture(scope="module")
def metric(suite: dpg.Suite, judge: LoadedJudge) -> dpg.DPGScore:
    """Everything judged, as PIL images; shared, so not to be changed."""
    metric = dpg.DPGScore(suite, judge=judge)
    for prompt in suite:
        metric.update(prompt.item_id, [picture(prompt.item_id, image) for image in range(IMAGES)])
    return metric


def test_it_gives_what_score_gives_of_the_same_images_in_files(
    metric: dpg.DPGScore, suite: dpg.Suite, tmp_path: Path
) -> None:
    (tmp_path / "images").mkdir()
    for prompt in suite:
        grid = make_grid([picture(prompt.item_id, image) for image in range(IMAGES)])
        grid.save(tmp_path / "images" / f"{prompt.item_id}.png")
    items = ",".join(prompt.item_id for prompt in suite)
    line = f"score {tmp_path}/images --suite sample --judge tiny-mplug --images-per-prompt {IMAGES} --items {items}"
    result = CliRunner().invoke(app, [*line.split(), "--out", str(tmp_path / "run"), "--json"])
    assert result.exit_code == 0, result.output
    through_files = json.loads(result.stdout)
    in_memory = json.loads(scorecard_json(metric.compute()))
    for part in ("suite", "judge", "protocols", "soft", "answers"):
        assert in_memory[part] == through_files[part], part


def _tensor(image: Image.Image) -> torch.Tensor:
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


@pytest.mark.parametrize(
    "convert",
    [
        np.asarray,
        lambda image: np.asarray(image) / 255,
        lambda image: (np.asarray(image) / 255).astype(np.float32),
        _tensor,
        lambda image: _tensor(image) / 255,
        lambda image: (_tensor(image) / 255).requires_grad_(),
        lambda image: image.convert("RGBA"),
    ],
    ids=["uint8 array", "float64 array", "float32 array", "uint8 tensor", "float tensor", "with a gradient", "RGBA"],
)
def test_every_form_of_an_image_is_the_same_image(
    judge: LoadedJudge, convert: Callable[[Image.Image], np.ndarray]
) -> None:
    image, questions = picture("a", 0), ["Is it red?", "Is there a dog?"]
    assert judge(convert(image), questions) == judge(image, questions)


def test_a_grey_image_is_grey_in_every_form(judge: LoadedJudge) -> None:
    grey = picture("a", 0).convert("L")
    values = np.asarray(grey)
    expected = judge(grey, ["Is it red?"])
    for form in (values, values[:, :, None], torch.from_numpy(values.copy()), torch.from_numpy(values.copy())[None]):
        assert judge(form, ["Is it red?"]) == expected


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((4, 4, 2), np.uint8), r"the shape \(4, 4, 2\)"),
        (np.zeros((0, 4, 3), np.uint8), r"the shape \(0, 4, 3\)"),
        (np.full((4, 4, 3), -0.5), r"go from -0\.5 to -0\.5.*take \(image / 2 \+ 0\.5\)"),
        (np.full((4, 4, 3), np.nan), "floats must lie between 0 and 1"),
        (np.zeros((4, 4, 3), np.int64), "int64; they must be uint8"),
        ("a.png", "str is no image"),
    ],
)
def test_what_is_no_image_is_refused(judge: LoadedJudge, image: object, message: str) -> None:
    with pytest.raises(dpg.BadInputError, match=message):
        judge(image, ["Is it red?"])  # type: ignore[arg-type] - what is wrong is the point


def test_a_single_text_is_no_list_of_questions(judge: LoadedJudge) -> None:
    with pytest.raises(dpg.BadInputError, match="give a list"):
        judge(picture("a", 0), "Is it red?")


def test_images_can_come_as_a_batch_or_one_by_one(metric: dpg.DPGScore, suite: dpg.Suite, judge: LoadedJudge) -> None:
    batches, singles = dpg.DPGScore(suite, judge=judge), dpg.DPGScore(suite, judge=judge)
    for prompt in suite:
        images = [picture(prompt.item_id, image) for image in range(IMAGES)]
        batches.update(prompt.item_id, torch.stack([_tensor(image) for image in images]))
        for image in images:
            singles.update(prompt.item_id, image)
    assert batches.compute() == singles.compute() == metric.compute()


def test_a_selection_scores_as_a_part_of_its_suite(metric: dpg.DPGScore) -> None:
    card = metric.compute()
    assert card["corrected"].partial == "4 of 24 prompts"
    assert card.suite.prompts == 24
    assert card.complete


def test_an_item_without_images_is_missing_and_never_zero(suite: dpg.Suite, judge: LoadedJudge) -> None:
    metric = dpg.DPGScore(suite, judge=judge)
    first, second, *_ = suite
    metric.update(first.item_id, [picture(first.item_id, image) for image in range(IMAGES)])
    metric.update(second.item_id, picture(second.item_id, 0))
    card = metric.compute()
    assert card["corrected"].overall is None
    assert card["corrected"].prompts_scored == 1
    reasons = {item.item_id: item.reason for item in card["corrected"].excluded}
    assert reasons[second.item_id] == "no answers about image 1"
    allowed = metric.compute(allow_missing=True)
    assert allowed["corrected"].overall is not None


def test_parts_merge_to_the_whole_and_a_reset_forgets(
    metric: dpg.DPGScore, suite: dpg.Suite, judge: LoadedJudge
) -> None:
    parts = [dpg.DPGScore(suite, judge=judge) for _ in range(2)]
    for number, prompt in enumerate(suite):
        parts[number % 2].update(prompt.item_id, [picture(prompt.item_id, image) for image in range(IMAGES)])
    parts[0].merge(parts[1])
    assert parts[0].compute() == metric.compute()
    parts[1].reset()
    with pytest.raises(dpg.BadInputError, match="Nothing was judged yet"):
        parts[1].compute()
    first = suite.prompts[0].item_id
    parts[1].update(first, picture("another", 0))
    with pytest.raises(dpg.BadInputError, match=f"Item '{first}' was judged twice"):
        parts[0].merge(parts[1])


def test_what_the_suite_does_not_have_is_refused(suite: dpg.Suite, judge: LoadedJudge) -> None:
    metric = dpg.DPGScore(suite, judge=judge)
    with pytest.raises(dpg.BadInputError, match="Unknown item of suite 'sample': 'nothing'"):
        metric.update("nothing", picture("a", 0))
    with pytest.raises(dpg.BadInputError, match="There is no image of item"):
        metric.update(suite.prompts[0].item_id, [])
    with pytest.raises(dpg.BadInputError, match="nothing to score"):
        dpg.DPGScore(dpg.Suite("bare", "here", (dpg.Prompt("a", "A.", ()),)), judge=judge)


def test_a_notebook_shows_the_scores_and_pictures_of_the_lowest_items(
    metric: dpg.DPGScore, suite: dpg.Suite, judge: LoadedJudge
) -> None:
    page = metric._repr_html_()
    assert page.count('<img src="data:image/jpeg;base64,') == ITEMS * IMAGES
    card = metric.compute()
    assert f"{card['corrected'].overall:.2f}" in page
    assert "soft, unofficial" in page
    hostile = metric.compute().model_copy(update={"run": card.run.model_copy(update={"model": "<script>x</script>"})})
    assert "<script>" not in hostile._repr_html_()
    assert "nothing judged yet" in dpg.DPGScore(suite, judge=judge)._repr_html_()


def test_flat_names_every_number_for_a_tracker(metric: dpg.DPGScore) -> None:
    card = metric.compute()
    flat = card.flat("val/")
    corrected = card["corrected"]
    assert corrected.interval is not None
    assert card.soft is not None
    assert flat["val/corrected/overall"] == corrected.overall
    assert flat["val/corrected/overall/low"] == corrected.interval.low
    assert flat["val/corrected/entity - whole"] == corrected.l2["entity - whole"].score
    assert flat["val/soft/overall"] == card.soft.overall
    assert flat["val/official/prompts_scored"] == card["official"].prompts_scored
    assert all(isinstance(value, int | float) for value in flat.values())


def test_tables_hold_a_row_for_every_number(metric: dpg.DPGScore, suite: dpg.Suite) -> None:
    card = metric.compute()
    items, questions, scores = (card.to_frame(table) for table in ("items", "questions", "scores"))
    corrected = items[items["protocol"] == "corrected"]
    assert corrected["score"].mean() == pytest.approx(card["corrected"].overall)
    assert len(questions) == suite.question_count * IMAGES
    assert set(scores["protocol"]) == {"official", "corrected", "soft"}
    with pytest.raises(dpg.BadInputError, match="Unknown table of a scorecard 'item'"):
        card.to_frame("item")  # type: ignore[arg-type] - what is wrong is the point


RANK = """
import os, sys
import numpy as np
import torch.distributed as distributed
from PIL import Image
import dpg_bench as dpg
from dpg_bench.score.scorecard import scorecard_json

def picture(item_id, image):
    noise = np.random.default_rng([image, *item_id.encode()])
    return Image.fromarray(noise.integers(0, 256, (40, 40, 3), dtype=np.uint8))

distributed.init_process_group("gloo")
suite = dpg.load_suite("sample").select(4, seed=0)
metric = dpg.DPGScore(suite, judge=dpg.load_judge("tiny-mplug"))
for prompt in list(suite)[distributed.get_rank()::distributed.get_world_size()]:
    metric.update(prompt.item_id, [picture(prompt.item_id, image) for image in range(2)])
card = metric.compute()
open(os.path.join(sys.argv[1], f"{distributed.get_rank()}.json"), "w", encoding="utf-8").write(scorecard_json(card))
distributed.destroy_process_group()
"""


def test_under_torchrun_every_process_has_one_processs_card(metric: dpg.DPGScore, tmp_path: Path) -> None:
    script = tmp_path / "rank.py"
    script.write_text(RANK, encoding="utf-8")
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    subprocess.run([*launcher, str(script), str(tmp_path)], check=True, capture_output=True, text=True, timeout=240)
    expected = scorecard_json(metric.compute())
    for rank in range(2):
        assert (tmp_path / f"{rank}.json").read_text(encoding="utf-8") == expected


def test_a_question_that_the_judge_left_open_leaves_its_item_unscored(suite: dpg.Suite, judge: LoadedJudge) -> None:
    first, second = suite.prompts[:2]

    class Reluctant:
        def __getattr__(self, name: str) -> object:
            return getattr(judge, name)

        def answer(self, pixels: list[np.ndarray], questions: list[list[str]]) -> list[list[dpg.Reply]]:
            replies = judge.answer(pixels, questions)
            left = dpg.Reply("", missing="it said 'maybe'")
            return [
                [left if text == first.questions[0].text else reply for text, reply in zip(*pair, strict=True)]
                for pair in zip(questions, replies, strict=True)
            ]

    metric = dpg.DPGScore(suite, judge=LoadedJudge("reluctant", Reluctant()))
    for prompt in (first, second):
        metric.update(prompt.item_id, Image.new("RGB", (64, 64), "red"))
    corrected = metric.compute(allow_missing=True)["corrected"]
    assert corrected.prompts_scored == 1
    assert first.item_id in {item.item_id for item in corrected.excluded}
