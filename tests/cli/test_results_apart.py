"""A result never replaces another's: results of one derived name are told apart, or the command stops."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from dpg_bench.report.runs import load_judged
from tests.cli.conftest import Dpgbench

SUITE = """item_id,text,proposition_id,dependency,category_broad,category_detailed,tuple,question_natural_language
fox,A red fox.,1,0,entity,whole,entity - whole (fox),Is there a fox?
fox,A red fox.,2,1,attribute,color,"attribute - color (fox, red)",Is the fox red?
boat,A red boat.,1,0,entity,whole,entity - whole (boat),Is there a boat?
boat,A red boat.,2,1,attribute,color,"attribute - color (boat, red)",Is the boat red?
"""
CSV = "item_id,image,proposition_id,answer\nfox,0,1,{0}\nfox,0,2,yes\nboat,0,1,yes\nboat,0,2,yes\n"


@pytest.fixture
def suite(tmp_path: Path) -> str:
    (tmp_path / "suite.csv").write_text(SUITE)
    return "suite.csv"


def images(folder: Path, colour: str, items: tuple[str, ...] = ("fox", "boat")) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for item in items:
        Image.new("RGB", (64, 64), colour).save(folder / f"{item}.png")
    return folder


def judged(dpgbench: Dpgbench, *args: str | Path) -> int:
    return dpgbench("score", *args, "--judge", "tiny-mplug", "--images-per-prompt", "1").exit_code


def test_two_folders_of_one_name_do_not_share_a_place(dpgbench: Dpgbench, suite: str) -> None:
    first, second = images(Path("a/images"), "red"), images(Path("b/images"), "blue", ("fox",))
    assert judged(dpgbench, first, "--suite", suite) == 0
    before = Path("runs/images/judgements/tiny-mplug/scorecard.json").read_bytes()
    result = dpgbench("score", second, "--suite", suite, "--judge", "tiny-mplug", "--images-per-prompt", "1")
    assert result.exit_code == 2
    assert "holds results about the images in" in result.stderr
    assert "--out runs/b-images" in result.stderr
    assert Path("runs/images/judgements/tiny-mplug/scorecard.json").read_bytes() == before
    assert judged(dpgbench, second, "--suite", suite, "--out", "runs/b-images") == 3
    board = dpgbench("leaderboard", "--markdown")
    assert "b-images" in board.output


def test_images_that_were_moved_are_known_again_and_others_in_their_old_place_are_not(
    dpgbench: Dpgbench, suite: str
) -> None:
    assert judged(dpgbench, images(Path("a/images"), "red"), "--suite", suite) == 0
    Path("a").rename("c")
    assert judged(dpgbench, Path("c/images"), "--suite", suite) == 0
    shutil.rmtree("c")
    assert judged(dpgbench, images(Path("d/images"), "blue"), "--suite", suite) == 2


def test_a_command_that_is_refused_leaves_what_is_known_of_the_images_as_it_was(dpgbench: Dpgbench, suite: str) -> None:
    for item in ("fox", "boat"):
        Image.linear_gradient("L").resize((128, 128)).convert("RGB").save(
            images(Path("mine"), "red", ()) / f"{item}.png"
        )
    score = ("score", "mine", "--suite", suite, "--judge", "tiny-mplug")
    assert dpgbench(*score).exit_code == 0
    before = Path("runs/mine/source.json").read_bytes()
    for shard in ((), ("--shard", "0/1")):
        refused = dpgbench(*score, "--images-per-prompt", "1", *shard)
        assert refused.exit_code == 2
        assert "images per prompt was 4, now 1" in refused.stderr
        assert Path("runs/mine/source.json").read_bytes() == before
    assert dpgbench(*score).exit_code == 0


def test_a_folder_of_results_is_scored_and_shown_again_without_its_images_being_named(
    dpgbench: Dpgbench, suite: str
) -> None:
    images(Path("mine"), "red")
    named = ("--model-name", "My model", "--note", "50 steps, no guidance")
    assert judged(dpgbench, Path("mine"), "--suite", suite, "--out", "runs/x", *named) == 0
    again = dpgbench("score", "runs/x", "--judge", "tiny-mplug", "--json")
    assert again.exit_code == 0, again.output
    card = json.loads(again.stdout)
    assert card["run"]["model"] == "My model"
    assert card["run"]["settings"]["note"] == "50 steps, no guidance"
    assert card["run"]["images_per_prompt"] == 1
    page = dpgbench("report", "runs/x")
    assert page.exit_code == 0, page.output
    assert "have no images here" not in page.stderr
    assert "../../mine/fox.png" in Path("runs/x/report.html").read_text()


def test_a_model_name_is_for_images_made_elsewhere(dpgbench: Dpgbench, suite: str) -> None:
    run = ("run", "--model", "tiny-sd15", "--suite", "sample", "--limit", "1", "--steps", "1", "--out", "made")
    assert dpgbench(*run, "--images-per-prompt", "1").exit_code == 0
    result = dpgbench("score", "made", "--judge", "tiny-mplug", "--model-name", "x")
    assert result.exit_code == 2
    assert "--model-name is for images made elsewhere" in result.stderr


def test_two_answer_files_do_not_share_a_place(dpgbench: Dpgbench, suite: str) -> None:
    for folder, answer in (("a", "yes"), ("b", "no")):
        Path(folder).mkdir()
        Path(folder, "answers.csv").write_text(CSV.format(answer))
    assert dpgbench("score", "--answers", "a/answers.csv", "--suite", suite).exit_code == 0
    card = Path("runs/answers/judgements/imported/scorecard.json")
    before = card.read_bytes()
    assert (card.parent / "judgement.json").exists()
    for out in ((), ("--out", "runs/answers")):
        result = dpgbench("score", "--answers", "b/answers.csv", "--suite", suite, *out)
        assert result.exit_code == 2
        assert "file_sha256 was" in result.stderr
        assert "--out" in result.stderr
    assert card.read_bytes() == before
    assert dpgbench("score", "--answers", "a/answers.csv", "--suite", suite).exit_code == 0
    assert card.read_bytes() == before
    assert dpgbench("score", "--answers", "b/answers.csv", "--suite", suite, "--fresh").exit_code == 0
    assert card.read_bytes() != before


def test_images_and_answers_of_one_name_do_not_share_a_place(dpgbench: Dpgbench, suite: str) -> None:
    Path("model.csv").write_text(CSV.format("yes"))
    assert dpgbench("score", "--answers", "model.csv", "--suite", suite).exit_code == 0
    result = dpgbench("score", images(Path("model"), "red"), "--suite", suite, "--judge", "tiny-mplug")
    assert result.exit_code == 2
    assert "answers without images" in result.stderr


def test_results_never_go_into_a_run_of_other_images(dpgbench: Dpgbench, suite: str) -> None:
    Path("runs/model").mkdir(parents=True)
    Path("runs/model/run.json").write_text("{}")
    result = dpgbench("score", images(Path("model"), "red"), "--suite", suite, "--judge", "tiny-mplug")
    assert result.exit_code == 2
    assert "runs/model is a run" in result.stderr


def test_another_suite_does_not_replace_the_scores_of_the_first(dpgbench: Dpgbench, suite: str) -> None:
    images(Path("mine"), "red")
    assert judged(dpgbench, Path("mine"), "--suite", suite) == 0
    Path("other.csv").write_text(SUITE.replace("Is the fox red?", "Is the fox blue?"))
    result = dpgbench("score", "mine", "--suite", "other.csv", "--judge", "tiny-mplug")
    assert result.exit_code == 2
    assert "suite digest was" in result.stderr


def test_a_table_that_is_there_is_refused_before_anything_is_judged(dpgbench: Dpgbench, suite: str) -> None:
    images(Path("mine"), "red")
    Path("scores.csv").write_text("mine\n")
    assert judged(dpgbench, Path("mine"), "--suite", suite, "--csv", "scores.csv") == 2
    assert not Path("runs").exists()
    assert judged(dpgbench, Path("mine"), "--suite", suite, "--csv", "scores.csv", "--force") == 0
    assert judged(dpgbench, Path("mine"), "--suite", suite, "--csv", "scores.csv") == 0


def test_a_folder_of_runs_is_told_from_a_folder_of_images_before_anything_is_loaded(
    dpgbench: Dpgbench, suite: str
) -> None:
    Path("runs/one").mkdir(parents=True)
    Path("runs/one/run.json").write_text("{}")
    result = dpgbench("score", "runs")
    assert result.exit_code == 2
    assert "runs is a folder of runs. Name one of them: runs/one" in result.stderr


def test_a_run_is_not_begun_among_results_of_other_images(dpgbench: Dpgbench, suite: str) -> None:
    assert judged(dpgbench, images(Path("mine"), "red"), "--suite", suite, "--out", "x") == 0
    result = dpgbench("run", "--model", "tiny-sd15", "--suite", suite, "--out", "x")
    assert result.exit_code == 2
    assert "x holds results about images made elsewhere" in result.stderr


def test_answers_about_images_that_are_gone_are_not_passed_on(dpgbench: Dpgbench, suite: str) -> None:
    folder = images(Path("mine"), "red")
    assert judged(dpgbench, folder, "--suite", suite, "--out", "x") == 0
    (folder / "boat.png").unlink()
    assert judged(dpgbench, folder, "--suite", suite, "--out", "x", "--allow-missing") == 3
    assert {line.item_id for line in load_judged(Path("x")).answer_lines()} == {"fox"}
    images(folder, "red")
    assert judged(dpgbench, folder, "--suite", suite, "--out", "x") == 0
    assert {line.item_id for line in load_judged(Path("x")).answer_lines()} == {"fox", "boat"}


def test_our_own_answers_keep_their_soft_score_when_scored_elsewhere(dpgbench: Dpgbench, suite: str) -> None:
    assert judged(dpgbench, images(Path("mine"), "red"), "--suite", suite) == 0
    kept = Path("runs/mine/judgements/tiny-mplug")
    first = load_judged(kept).card
    result = dpgbench("score", "--answers", kept / "answers.jsonl", "--suite", suite, "--out", "again")
    assert result.exit_code == 0
    again = load_judged(Path("again")).card
    assert first.soft is not None
    assert (again.soft, again.protocols) == (first.soft, first.protocols)
