"""A scorecard that no longer fits the answers, images or items of its run is used by no command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from dpg_bench.errors import BadInputError
from dpg_bench.files.answer_lines import AnswerLine, read_answer_lines, write_answer_lines
from dpg_bench.report.runs import load_judged
from tests.cli.conftest import Dpgbench
from tests.cli.test_results_apart import SUITE, images, judged

RUN = ("run", "--model", "tiny-sd15", "--suite", "sample", "--steps", "1", "--images-per-prompt", "1", "--out", "made")
ANSWERS = Path("made/judgements/tiny-mplug/answers.jsonl")


@pytest.fixture
def made(dpgbench: Dpgbench) -> Path:
    assert dpgbench(*RUN, "--limit", "2").exit_code == 0
    assert dpgbench("score", "made", "--judge", "tiny-mplug").exit_code == 0
    return Path("made")


def refused(dpgbench: Dpgbench, reason: str) -> None:
    """Every command that would use the scorecard says what changed, and what to do."""
    for args in (
        ("baseline", "made", "--out", "kept.json"),
        ("check", "made", "--baseline", "made"),
        ("compare", "made", "made"),
        ("export", "made", "--out", "exported"),
        ("report", "made"),
        ("leaderboard", "."),
    ):
        result = dpgbench(*args)
        assert result.exit_code == 2, (args, result.output)
        assert f"no longer fits its run: {reason}" in result.stderr
        assert "Score it again: `dpgbench score made`" in result.stderr
    assert not Path("kept.json").exists()
    assert not Path("exported").exists()


def test_changed_answers_are_noticed_by_every_command(dpgbench: Dpgbench, made: Path) -> None:
    lines = [line.model_copy(update={"answer": "no"}) for _, line in read_answer_lines(ANSWERS)]
    write_answer_lines(ANSWERS, lines)
    refused(dpgbench, "its answers have changed")
    assert dpgbench("score", "made", "--judge", "tiny-mplug").exit_code == 0
    assert dpgbench("compare", "made", "made").exit_code == 0


def test_a_run_that_grew_is_noticed_by_every_command(dpgbench: Dpgbench, made: Path) -> None:
    assert dpgbench(*RUN, "--limit", "3").exit_code == 0
    refused(dpgbench, "the run has other items now, 3")
    assert dpgbench("score", "made", "--judge", "tiny-mplug").exit_code == 0
    assert load_judged(made).card["corrected"].prompts_scored == 3


def test_replaced_images_are_noticed_by_every_command(dpgbench: Dpgbench, made: Path) -> None:
    file = min((made / "images").iterdir())
    Image.new("RGB", (64, 64), "red").save(file)
    refused(dpgbench, f"the image {file.name} is another one than was judged")


def test_a_flipped_bit_in_an_answer_is_noticed_by_its_checksum(dpgbench: Dpgbench, made: Path) -> None:
    content = ANSWERS.read_bytes()
    at = content.index(b'"answer": "') + len(b'"answer": "')
    ANSWERS.write_bytes(content[:at] + bytes([content[at] ^ 1]) + content[at + 1 :])
    result = dpgbench("score", "made", "--judge", "tiny-mplug")
    assert result.exit_code == 2
    assert "answers.jsonl, line 1 is damaged: its checksum (crc32)" in result.stderr
    lines = ANSWERS.read_text().splitlines(keepends=True)
    ANSWERS.write_text("".join(lines[1:]))
    assert dpgbench("score", "made", "--judge", "tiny-mplug").exit_code == 0
    assert ANSWERS.read_bytes() == content


def test_lines_of_an_earlier_version_have_no_checksum_and_stay_readable() -> None:
    line = AnswerLine(item_id="a", image=0, proposition_id=1, answer="yes")
    assert line.intact()
    assert AnswerLine(**line.record()).intact()
    assert not AnswerLine(**{**line.record(), "answer": "xes"}).intact()


def test_images_that_were_missing_and_came_are_noticed(dpgbench: Dpgbench, tmp_path: Path) -> None:
    (tmp_path / "suite.csv").write_text(SUITE)
    folder = images(Path("mine"), "red", ("fox",))
    assert judged(dpgbench, folder, "--suite", "suite.csv", "--out", "made") == 3
    images(folder, "red")
    with pytest.raises(BadInputError, match="images are there that were missing, of item 'boat' first"):
        load_judged(Path("made"))


def test_images_that_are_gone_contradict_nothing(dpgbench: Dpgbench, made: Path) -> None:
    for file in (made / "images").iterdir():
        file.unlink()
    assert dpgbench("compare", "made", "made").exit_code == 0


def test_a_baseline_kept_elsewhere_stays_as_it_is(dpgbench: Dpgbench, made: Path) -> None:
    assert dpgbench("baseline", "made", "--out", "kept.json").exit_code == 0
    ANSWERS.unlink()
    assert dpgbench("compare", "kept.json", "made").exit_code == 0


def test_the_leaderboard_names_a_stale_run_and_ranks_the_others(dpgbench: Dpgbench, made: Path) -> None:
    Path("runs").mkdir()
    assert dpgbench("score", "made", "--judge", "tiny-mplug", "--out", "runs/kept").exit_code == 0
    Path("made").rename("runs/made")
    lines = Path("runs/made/judgements/tiny-mplug/answers.jsonl").read_text().splitlines(keepends=True)
    Path("runs/made/judgements/tiny-mplug/answers.jsonl").write_text("".join(lines[:-1]))
    Path("runs/broken/judgements/tiny-mplug").mkdir(parents=True)
    Path("runs/broken/judgements/tiny-mplug/scorecard.json").write_text("{")
    board = dpgbench("leaderboard")
    assert board.exit_code == 0, board.output
    assert "its answers have changed" in board.output
    assert "broken" in board.output
    assert board.output.count("tiny-sd15") >= 2


def test_the_card_says_what_it_was_made_from(dpgbench: Dpgbench, made: Path) -> None:
    card = json.loads((made / "judgements/tiny-mplug/scorecard.json").read_text())
    assert card["answered"]["rule"] == "official"
    assert len(card["answered"]["sha256"]) == len(card["answered"]["items_sha256"]) == 64


def test_a_run_scored_into_another_folder_is_watched_there_too(dpgbench: Dpgbench, made: Path) -> None:
    assert dpgbench("score", "made", "--judge", "tiny-mplug", "--out", "elsewhere").exit_code == 0
    assert load_judged(Path("elsewhere")).card.run.model == "tiny-sd15"
    assert dpgbench(*RUN, "--limit", "3").exit_code == 0
    with pytest.raises(BadInputError, match="the run has other items now, 3"):
        load_judged(Path("elsewhere"))
    assert dpgbench("score", "elsewhere", "--judge", "tiny-mplug").exit_code == 0
    assert load_judged(Path("elsewhere")).card["corrected"].prompts_scored == 3
