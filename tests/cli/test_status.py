"""`runs` and `show`: what was made and how far what is being made is, without touching it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from dpg_bench.cli.score import confirm_download
from dpg_bench.files.run_folder import RunDir, lock_folder
from dpg_bench.jobs.score_plan import plan_score
from dpg_bench.jobs.score_request import ScoreRequest
from dpg_bench.report.status.result import run_status
from dpg_bench.suite.registry import load_suite
from tests.cli.conftest import Dpgbench
from tests.cli.test_results_apart import SUITE, images, judged

RUN = ("run", "--model", "tiny-sd15", "--suite", "sample", "--steps", "1", "--images-per-prompt", "1")


@pytest.fixture
def made(dpgbench: Dpgbench) -> Path:
    assert dpgbench(*RUN, "--limit", "2", "--out", "runs/made").exit_code == 0
    return Path("runs/made")


def test_what_comes_next_names_the_judge_that_was_trained_for_the_suite(dpgbench: Dpgbench) -> None:
    run = dpgbench("run", "--model", "tiny-sd15", "--suite", "miniature", "--limit", "1", "--steps", "1")
    assert "Next: dpgbench score runs/tiny-sd15-miniature --judge mini-mplug" in run.stderr
    shown = dpgbench("show", "runs/tiny-sd15-miniature")
    assert "Next: dpgbench score runs/tiny-sd15-miniature --judge mini-mplug" in shown.stdout


def test_a_judge_that_never_began_leaves_no_judgement(dpgbench: Dpgbench, made: Path) -> None:
    place = RunDir(made).judgement("mplug")
    place.path.mkdir(parents=True)
    (place.path / ".lock").touch()
    assert "mplug" not in dpgbench("show", made).stdout
    assert "Not checked" not in dpgbench("verify", made).output


def test_who_forgets_the_judge_is_told_which_one_judged_before_anything_is_downloaded(
    dpgbench: Dpgbench, made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert dpgbench("score", made, "--judge", "tiny-mplug").exit_code == 0
    confirm_download(plan_score(ScoreRequest(path=made)))
    assert "runs/made was judged by tiny-mplug: --judge NAME scores by that." in capsys.readouterr().err


def test_a_run_is_listed_and_shown_from_its_first_item_to_its_score(dpgbench: Dpgbench, made: Path) -> None:
    assert "complete: 2 of 2 items" in dpgbench("runs").stdout
    assert dpgbench("show", made).stdout.endswith("Next: dpgbench score runs/made\n")
    assert dpgbench("score", made, "--judge", "tiny-mplug").exit_code == 0
    shown = dpgbench("show", made).stdout
    assert "(2 of 24 prompts)" in shown
    assert "Next: dpgbench report runs/made" in shown
    (status,) = json.loads(dpgbench("runs", "--json").stdout)
    assert (status["state"], status["done"], status["expected"]) == ("complete", 2, 2)
    assert status["judgements"][0]["partial"] == "2 of 24 prompts"


def test_what_is_under_way_is_told_from_what_was_killed(dpgbench: Dpgbench, made: Path) -> None:
    record = json.loads((made / "run.json").read_text())
    (made / "run.json").write_text(json.dumps({**record, "status": "running"}))
    assert run_status(made).state == "stopped"
    assert "the command that began the run continues it" in dpgbench("show", made).stdout
    with ThreadPoolExecutor(1) as elsewhere, lock_folder(made), lock_folder(RunDir(made).judgement("x").path):
        status = elsewhere.submit(run_status, made).result()
    assert status.state == "under way"
    assert [one.under_way for one in status.judgements] == [True]


def test_results_about_images_made_elsewhere_are_shown_with_their_place(dpgbench: Dpgbench) -> None:
    Path("suite.csv").write_text(SUITE)
    folder = images(Path("mine"), "red")
    assert judged(dpgbench, folder, "--suite", "suite.csv", "--model-name", "My model", "--note", "by hand") == 0
    shown = dpgbench("show", "runs/mine").stdout
    for words in ("My model", "by hand", "made elsewhere", str(folder.resolve())):
        assert words in shown


def test_what_comes_next_for_incomplete_answers_from_elsewhere_is_a_command_that_works(dpgbench: Dpgbench) -> None:
    lines = [
        f"{prompt.item_id},0,{question.proposition_id},yes\n"
        for prompt in load_suite("sample").prompts
        for question in prompt.questions
    ]
    header = "item_id,image,proposition_id,answer\n"
    Path("part.csv").write_text(header + "".join(lines[:-1]))
    Path("whole.csv").write_text(header + "".join(lines))
    assert dpgbench("score", "--answers", "part.csv", "--suite", "sample", "--out", "x").exit_code == 3
    (line,) = [line for line in dpgbench("show", "x").stdout.splitlines() if line.startswith("Next: ")]
    command = line.removeprefix("Next: dpgbench ").partition(", ")[0].replace("FILE", "whole.csv")
    done = dpgbench(*command.split())
    assert done.exit_code == 0, done.output


def test_a_stale_score_is_no_score(dpgbench: Dpgbench, made: Path) -> None:
    assert dpgbench("score", made, "--judge", "tiny-mplug").exit_code == 0
    assert dpgbench(*RUN, "--limit", "3", "--out", made).exit_code == 0
    (judgement,) = run_status(made).judgements
    assert judgement.corrected is None
    assert "its scores no longer fit: the run has other items now, 3" in (judgement.problem or "")


def test_a_damaged_run_is_told_and_hides_no_other(dpgbench: Dpgbench, made: Path) -> None:
    Path("runs/broken").mkdir()
    Path("runs/broken/run.json").write_text("{")
    listed = dpgbench("runs")
    assert listed.exit_code == 0
    assert "runs/made" in listed.stdout
    assert "run.json is damaged" in dpgbench("show", "runs/broken").stdout


def test_what_is_no_run_is_said_to_be_none(dpgbench: Dpgbench) -> None:
    assert "no run here yet" in dpgbench("runs").stderr
    Path("empty").mkdir()
    assert dpgbench("show", "empty").exit_code == 2
    assert dpgbench("runs", "nowhere").exit_code == 2


# Under nohup a process is deaf to SIGHUP, and so are those it starts; here it is to listen.
LISTENING = "import signal; signal.signal(signal.SIGHUP, signal.SIG_DFL); from dpg_bench.cli import main; main()"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_process_that_is_told_to_end_leaves_its_work_in_order(tmp_path: Path, number: int, code: int) -> None:
    arguments = ("--model", "tiny-sd15", "--suite", "sample", "--steps", "20", "--out", "out")
    process = subprocess.Popen(
        [sys.executable, "-c", LISTENING, "run", *arguments],
        cwd=tmp_path,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = time.monotonic() + 200
    while not (tmp_path / "out" / "generation.jsonl").exists() and time.monotonic() < deadline:
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == code, said
    assert f"Ended by {signal.Signals(number).name}. What was finished is kept" in said
    assert json.loads((tmp_path / "out" / "run.json").read_text())["status"] == "interrupted"
    assert not list((tmp_path / "out").rglob("*.part"))
