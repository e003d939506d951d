"""`dpgbench verify` recomputes everything in a run folder: what was changed by hand is found, whatever it is."""

from __future__ import annotations

import csv
import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo
from typer.testing import CliRunner

from dpg_bench.cli.app import app
from dpg_bench.files.answer_lines import AnswerLine, read_answer_lines, write_answer_lines
from dpg_bench.files.run_record import settings_fingerprint
from dpg_bench.score.scorecard import Scorecard, read_scorecard, scorecard_json
from tests.cli.conftest import Dpgbench

RUN = ("run", "--model", "tiny-sd15", "--suite", "sample", "--steps", "1", "--limit", "2", "--out")
RECORD, LOG = Path("made/run.json"), Path("made/generation.jsonl")
JUDGEMENT = Path("made/judgements/tiny-mplug")
CARD, ANSWERS, SUITE = (JUDGEMENT / name for name in ("scorecard.json", "answers.jsonl", "suite.jsonl"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("verify") / "made"
    for args in ((*RUN, str(folder)), ("score", str(folder), "--judge", "tiny-mplug")):
        assert CliRunner().invoke(app, list(args)).exit_code == 0
    return folder


@pytest.fixture
def made(whole: Path, dpgbench: Dpgbench) -> Path:
    """A scored run as `made` in the working folder, to be changed."""
    del dpgbench  # its working folder
    return Path(shutil.copytree(whole, "made"))


def differences(dpgbench: Dpgbench, *args: str) -> list[str]:
    result = dpgbench("verify", "made", "--json", *args)
    content = json.loads(result.stdout)
    found = [one["problem"] for one in content["runs"][0]["differences"]]
    assert content["verified"] == (not found)
    assert result.exit_code == bool(found)
    return found


def change_json(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))


def change_lines(file: Path, change: Callable[[dict[str, Any]], object]) -> None:
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    change(lines[0])
    file.write_text("".join(f"{json.dumps(line)}\n" for line in lines))


def change_answers(**changes: object) -> None:
    """The first answer changed with a checksum that fits, as a forger would."""
    lines = [line for _, line in read_answer_lines(ANSWERS)]
    write_answer_lines(ANSWERS, [AnswerLine(**{**lines[0].model_dump(), **changes, "crc32": None}), *lines[1:]])


def contradict_the_first_answer() -> None:
    """Which word it is depends on the toy judge's rounding, and so on torch."""
    first = next(line for _, line in read_answer_lines(ANSWERS))
    was_yes = first.answer == "yes"
    change_answers(answer="no" if was_yes else "yes", p_yes=0.0 if was_yes else 1.0)


def change_card(change: Callable[[dict[str, Any]], object]) -> None:
    """The scorecard changed with a checksum that fits."""
    content = read_scorecard(CARD).model_dump(mode="json", by_alias=True)
    change(content)
    CARD.write_text(scorecard_json(Scorecard.model_validate_json(json.dumps(content))))


def redraw(file: Path, texts: Mapping[str, str] | None = None, colour: str | None = None) -> None:
    """The image saved anew, by default with the texts and pixels that it has, and its digest put into the log."""
    with Image.open(file) as image:
        image.load()
        chunks = PngInfo()
        for key, value in {**image.text, **(texts or {})}.items():  # type: ignore[attr-defined]
            chunks.add_text(key, value)
        (Image.new("RGB", image.size, colour) if colour else image).save(file, pnginfo=chunks)
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    change_lines(LOG, lambda line: line.update(image_sha256=digest))


def first_image() -> Path:
    return min(Path("made/images").iterdir())


def test_an_untouched_run_is_verified_with_its_weights(dpgbench: Dpgbench, made: Path) -> None:
    result = dpgbench("verify", made, "--weights")
    assert result.exit_code == 0, result.output
    assert "made: verified; recomputed: 2 images, 2 sets of weights, 116 answers, 1 scorecard." in result.stdout


FORGERIES: dict[str, tuple[Callable[[], object], str]] = {
    "a score": (
        lambda: change_card(lambda card: card["protocols"]["corrected"].update(overall=99.0)),
        "protocols.corrected.overall is 99.0, and",
    ),
    "an interval": (
        lambda: change_card(lambda card: card["protocols"]["official"]["interval"].update(low=1.0)),
        "protocols.official.interval.low is 1.0, and",
    ),
    "a category": (
        lambda: change_card(lambda card: card["protocols"]["corrected"]["l1"]["entity"].update(score=99.0)),
        "protocols.corrected.l1.entity.score is 99.0, and",
    ),
    "an item left out": (
        lambda: change_card(_without_first),
        "protocols.corrected.excluded is ",
    ),
    "another model": (
        lambda: change_card(lambda card: card["run"].update(model="sd15")),
        "run.model is sd15, and tiny-sd15 in run.json",
    ),
    "trained weights": (
        lambda: change_card(lambda card: card["judge"].update(fingerprint="0" * 64)),
        "judge.fingerprint is 000",
    ),
    "an answer": (contradict_the_first_answer, "answers.yes is "),
    "another question": (lambda: change_answers(question="Is it easy?"), "question 1 is Is it easy?, not "),
    "another judge": (lambda: change_answers(judge_fingerprint="f" * 64), "it is by the judge ffffffffffff, not"),
    "another image": (lambda: change_answers(image_sha256="f" * 64), "its image has the SHA-256"),
    "a repainted image": (lambda: redraw(first_image(), colour="red"), "its image has the SHA-256"),
    "an image of another item": (
        lambda: redraw(first_image(), texts={"item_id": "sample02-bakery"}),
        "its text chunk 'item_id' says sample02-bakery, not sample01-lighthouse",
    ),
    "an image by another model": (
        lambda: redraw(first_image(), texts={"model": "sd15"}),
        "its text chunk 'model' says sd15, not tiny-sd15",
    ),
    "an image of other seeds": (
        lambda: redraw(first_image(), texts={"seeds": "1,2,3,4"}),
        "its text chunk 'seeds' says 1,2,3,4, not",
    ),
    "a flipped byte of an image": (
        lambda: first_image().write_bytes(first_image().read_bytes()[:-20] + b"?" + first_image().read_bytes()[-19:]),
        "and the run's log says",
    ),
    "an image that is gone": (lambda: first_image().unlink(), "can't be read: No such file"),
    "an image too many": (
        lambda: shutil.copy(first_image(), "made/images/sample03-x.png"),
        "nothing in the run's log speaks of this file",
    ),
    "other seeds": (
        lambda: change_lines(LOG, lambda line: line.update(seeds=[1, 2])),
        "its seeds are [1, 2], not",
    ),
    "other settings": (
        lambda: change_json(RECORD, lambda run: run["settings"].update(steps=50)),
        "its fingerprint is ",
    ),
    "other settings with their fingerprint": (
        lambda: change_json(RECORD, _other_steps),
        "its text chunk 'fingerprint' says",
    ),
    "other weights": (
        lambda: change_json(RECORD, lambda run: run["generator"]["weights"]["base"].update(source="sd15")),
        "its fingerprint is ",
    ),
    "another suite": (
        lambda: change_json(RECORD, lambda run: run["suite"].update(digest="0" * 64)),
        "its suite 'sample' has the digest 000000000000, and 'sample' ",
    ),
    "an item that failed": (
        lambda: change_json(RECORD, lambda run: run.update(failed_items=["sample01-lighthouse"])),
        "it says that sample01-lighthouse failed",
    ),
    "an item fewer": (
        lambda: LOG.write_text(LOG.read_text().splitlines(keepends=True)[0]),
        "it has no line of item 'sample02-bakery'",
    ),
    "a damaged scorecard": (lambda: CARD.write_text("{"), "is truncated or no JSON"),
    "a damaged record": (lambda: RECORD.write_text("{}"), "is damaged"),
    "an empty log": (lambda: LOG.write_text(""), "it has no line of item"),
    "no answers": (ANSWERS.unlink, "protocols.corrected.overall is "),
}


def _without_first(card: dict[str, Any]) -> None:
    gap = {"item_id": "sample01-lighthouse", "reason": "boom", "cause": "protocol"}
    for protocol in card["protocols"].values():
        protocol["excluded"].append(gap)


def _other_steps(run: dict[str, Any]) -> None:
    run["settings"]["steps"] = 50
    run["fingerprint"] = settings_fingerprint(run["settings"], run["generator"])


@pytest.mark.parametrize("what", FORGERIES)
def test_what_was_changed_is_found(what: str, dpgbench: Dpgbench, made: Path) -> None:
    del made
    forge, problem = FORGERIES[what]
    forge()
    found = differences(dpgbench)
    assert any(problem in one for one in found), found


def test_other_weights_are_found_by_loading_them(dpgbench: Dpgbench, made: Path) -> None:
    del made
    judgement = JUDGEMENT / "judgement.json"
    change_json(judgement, lambda record: record["judge"].update(weights="0" * 64))
    found = differences(dpgbench, "--weights")
    assert any('weights was "000' in one and "as it is loaded" in one for one in found), found


def test_a_suite_of_ones_own_is_held_against_its_file(dpgbench: Dpgbench) -> None:
    header = "item_id,text,proposition_id,dependency,category_broad,category_detailed,question_natural_language"
    Path("mine.csv").write_text(f"{header}\nfox,A fox.,1,0,entity,whole,Is there a fox?\n")
    run = ("run", "--model", "tiny-sd15", "--suite", "mine.csv", "--steps", "1", "--out", "made")
    assert dpgbench(*run).exit_code == 0
    assert dpgbench("score", "made", "--judge", "tiny-mplug").exit_code == 0
    shown = dpgbench("verify", "made")
    assert shown.exit_code == 0
    assert "Not checked" in shown.stdout
    assert (
        "the suite 'mine.csv' is not here, so its copy in made/judgements/tiny-mplug/suite.jsonl was taken"
        in shown.stdout
    )
    sure = dpgbench("verify", "made", "--suite", "mine.csv")
    assert sure.exit_code == 0
    assert "Not checked" not in sure.stdout
    Path("mine.csv").write_text(f"{header}\nfox,A fox.,1,0,entity,whole,Is there an ox?\n")
    assert any("its suite 'mine.csv' has the digest" in one for one in differences(dpgbench, "--suite", "mine.csv"))


def test_images_made_elsewhere_and_imported_answers_are_verified_too(dpgbench: Dpgbench, made: Path) -> None:
    shutil.copytree(made / "images", "mine")
    assert dpgbench("score", "mine", "--suite", "sample", "--judge", "tiny-mplug", "--limit", "2").exit_code == 0
    answers = ("--answers", ANSWERS, "--suite", "sample", "--limit", "2")
    assert dpgbench("score", *answers, "--out", "runs/imported").exit_code == 0
    result = dpgbench("verify", "runs")
    assert result.exit_code == 0, result.output
    assert result.stdout.count(": verified;") == 2
    Image.new("RGB", (128, 128), "red").save("mine/sample01-lighthouse.png")
    result = dpgbench("verify", "runs")
    assert result.exit_code == 1
    assert "runs/mine: NOT verified" in result.stdout


def test_a_leaderboard_of_verified_runs_leaves_the_others_out(dpgbench: Dpgbench, made: Path) -> None:
    shutil.copytree(made, "runs/honest")
    change_card(lambda card: card["protocols"]["corrected"].update(overall=99.0))
    shutil.copytree(made, "runs/forged")
    Path("runs/alone/judgements/x").mkdir(parents=True)
    shutil.copy(CARD, "runs/alone/judgements/x/scorecard.json")
    assert dpgbench("leaderboard", "--csv", "all.csv").exit_code == 0
    result = dpgbench("leaderboard", "--verified", "--csv", "board.csv")
    assert result.exit_code == 0, result.output
    with Path("board.csv").open(newline="") as file:
        assert {Path(row["source"]).name for row in csv.DictReader(file)} == {"honest"}
    assert "not verified" in result.output


def test_what_is_no_run_is_told(dpgbench: Dpgbench) -> None:
    Path("empty").mkdir()
    for name, message in (("empty", "holds no run and no results"), ("none", "There is no folder none")):
        result = dpgbench("verify", name)
        assert result.exit_code == 2
        assert message in result.stderr


def test_an_image_that_no_longer_fits_the_log_is_not_judged(dpgbench: Dpgbench, made: Path) -> None:
    with Image.open(first_image()) as image:
        size = image.size
    before = CARD.read_bytes()
    original = first_image().read_bytes()
    Image.new("RGB", size, "red").save(first_image())
    result = dpgbench("score", made, "--judge", "tiny-mplug")
    assert result.exit_code == 3
    assert "is not the image that the run made" in CARD.read_text()
    assert dpgbench(*RUN, made).exit_code == 0
    assert first_image().read_bytes() == original
    assert dpgbench("score", made, "--judge", "tiny-mplug").exit_code == 0
    assert CARD.read_bytes() == before


@pytest.mark.parametrize("seeds", [5, 1e308, "x", {"a": 1}])
def test_seeds_that_are_none_are_one_message(dpgbench: Dpgbench, made: Path, seeds: object) -> None:
    first, *rest = LOG.read_text().splitlines()
    LOG.write_text("\n".join([json.dumps({**json.loads(first), "seeds": seeds}), *rest, ""]))
    found = dpgbench("verify", made)
    assert found.exit_code == 1
    assert "generation.jsonl is damaged: the seeds of" in found.output
    record = json.loads(RECORD.read_text())
    RECORD.write_text(json.dumps({**record, "settings": {**record["settings"], "seeds": seeds}}))
    found = dpgbench("verify", made)
    assert found.exit_code == 1
    assert "run.json is damaged at 'settings'" in found.output
