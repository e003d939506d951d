"""The main job, end to end, on the tiny models: prompts → images → judge → scorecard."""

from __future__ import annotations

import csv
import json
import os
import platform
import re
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image

import dpg_bench
from dpg_bench.generate.stage import GenerationProgress
from dpg_bench.jobs.run import execute_run
from dpg_bench.jobs.run_plan import RunRequest, plan_run
from dpg_bench.score.scorecard import read_scorecard
from tests.cli.conftest import Dpgbench

RUN = ("run", "--model", "tiny-sd15", "--suite", "sample", "--limit", "2", "--steps", "1", "--out", "out")


def test_run_then_score_gives_images_a_record_answers_and_a_scorecard(dpgbench: Dpgbench) -> None:
    made = dpgbench(*RUN)
    assert made.exit_code == 0, made.output
    assert made.stdout == ""
    images = sorted(Path("out/images").iterdir())
    assert len(images) == 2
    with Image.open(images[0]) as grid:
        assert grid.size == (128, 128)
        assert grid.text["item_id"] == images[0].stem
    record = json.loads(Path("out/run.json").read_text())
    assert record["status"] == "complete"
    assert record["requested"]["steps"] == 1
    assert record["defaulted"]["seed"] == 0
    assert record["settings"]["guidance"] == 7.5
    assert len(record["suite"]["items"]) == 2
    assert record["packages"]["torch"]

    scored = dpgbench("score", "out", "--judge", "tiny-mplug", "--csv", "scores.csv")
    assert scored.exit_code == 0, scored.output
    assert "partial: 2 of 24 prompts" in scored.stdout
    assert "mean nothing" in scored.stdout
    folder = Path("out/judgements/tiny-mplug")
    answers = [json.loads(line) for line in (folder / "answers.jsonl").read_text().splitlines()]
    card = read_scorecard(folder / "scorecard.json")
    assert len(answers) == 4 * card["corrected"].questions
    assert answers[0].keys() >= {"item_id", "image", "proposition_id", "answer", "image_sha256", "judge_fingerprint"}
    assert card.run.model == "tiny-sd15"
    assert card.run.settings["steps"] == 1
    assert card.run.untrained
    assert card.judge.untrained
    with Path("scores.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    overall = next(row for row in rows if row["level"] == "0" and row["protocol"] == "corrected")
    assert float(overall["score"]) == card["corrected"].overall

    again = dpgbench("score", "out", "--judge", "tiny-mplug", "--json", "--csv", "scores.csv")
    assert again.exit_code == 0
    assert again.stdout == (folder / "scorecard.json").read_text()

    Path("scores.csv").write_text("mine\n")
    refused = dpgbench("score", "out", "--judge", "tiny-mplug", "--csv", "scores.csv")
    assert refused.exit_code == 2
    assert "scores.csv is there already. Replace it with --force" in refused.stderr
    assert Path("scores.csv").read_text() == "mine\n"
    assert dpgbench("score", "out", "--judge", "tiny-mplug", "--csv", "scores.csv", "--force").exit_code == 0


def test_the_same_command_continues_and_other_settings_are_refused(dpgbench: Dpgbench) -> None:
    dpgbench(*RUN)
    before = {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in Path("out/images").iterdir()}
    more = dpgbench(*[arg if arg != "2" else "3" for arg in RUN])
    assert more.exit_code == 0
    assert {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in before} == before
    assert len(list(Path("out/images").iterdir())) == 3

    fewer = dpgbench(*RUN)
    assert fewer.exit_code == 2
    assert "A run can grow, not shrink" in fewer.stderr
    other = dpgbench(*RUN, "--guidance", "3")
    assert other.exit_code == 2
    assert "guidance was 7.5, now 3.0" in other.stderr
    assert {file: (file.stat().st_mtime_ns, file.read_bytes()) for file in before} == before

    fresh = dpgbench(*RUN, "--guidance", "3", "--fresh")
    assert fresh.exit_code == 0
    assert len(list(Path("out/images").iterdir())) == 2
    assert json.loads(Path("out/run.json").read_text())["settings"]["guidance"] == 3


def test_score_takes_the_newest_run(dpgbench: Dpgbench) -> None:
    dpgbench("run", "--model", "tiny-sd15", "--suite", "sample", "--limit", "1", "--steps", "1")
    assert Path("runs/tiny-sd15-sample/run.json").exists()
    scored = dpgbench("score", "--judge", "tiny-mplug")
    assert scored.exit_code == 0, scored.output
    assert Path("runs/tiny-sd15-sample/judgements/tiny-mplug/scorecard.json").exists()


def test_ella_runs_the_same_way(dpgbench: Dpgbench) -> None:
    made = dpgbench(
        *("run", "--model", "tiny-ella-sd15", "--suite", "sample", "--limit", "1", "--steps", "1", "--out", "ella"),
        *("-M", "length=flexible", "-M", "fixed_negative=true", "--images-per-prompt", "1"),
    )
    assert made.exit_code == 0, made.output
    with Image.open(next(Path("ella/images").iterdir())) as image:
        assert image.size == (64, 64)
    assert json.loads(Path("ella/run.json").read_text())["settings"]["options"] == {
        "fixed_negative": True,
        "length": "flexible",
    }


def test_a_dry_run_prints_the_plan_and_writes_nothing(dpgbench: Dpgbench, tmp_path: Path) -> None:
    result = dpgbench(*RUN, "--dry-run")
    assert result.exit_code == 0
    assert "items       2 of 24" in result.stdout
    assert "images      8 (4 per prompt), seeds derived from 0" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_dry_run_of_a_suite_that_is_not_here_downloads_nothing(dpgbench: Dpgbench, tmp_path: Path) -> None:
    result = dpgbench("run", "--model", "tiny-sd15", "--dry-run", "--limit", "8")
    assert result.exit_code == 0, result.output
    assert "items       8 of 1065" in result.stdout
    assert "downloads   1066 files of the suite dpg-bench" in result.stdout
    assert list(tmp_path.iterdir()) == []


def test_environment_variables_are_options(dpgbench: Dpgbench) -> None:
    result = dpgbench("run", "--dry-run", env={"DPGBENCH_MODEL": "tiny-sd15", "DPGBENCH_SUITE": "sample"})
    assert result.exit_code == 0
    assert "items       24" in result.stdout


def test_a_plain_folder_of_images_is_judged_and_not_written_to(dpgbench: Dpgbench, tmp_path: Path) -> None:
    dpgbench(*RUN)
    plain = tmp_path / "plain"
    Path("out/images").rename(plain)
    (plain / "notes.txt").write_text("x")
    before = sorted(plain.iterdir())
    scored = dpgbench("score", plain, "--suite", "sample", "--judge", "tiny-mplug")
    assert scored.exit_code == 3, scored.output  # 22 of 24 items have no image
    assert "No corrected or official overall score: the run is incomplete" in scored.stdout
    assert "notes.txt" in scored.stderr
    assert sorted(plain.iterdir()) == before
    card = read_scorecard(Path("runs/plain/judgements/tiny-mplug/scorecard.json"))
    assert card["corrected"].overall is None
    assert card["corrected"].prompts_scored == 2
    allowed = dpgbench("score", plain, "--suite", "sample", "--judge", "tiny-mplug", "--allow-missing")
    assert allowed.exit_code == 3
    assert (
        read_scorecard(Path("runs/plain/judgements/tiny-mplug/scorecard.json")).protocols["corrected"].overall
        is not None
    )


def test_answers_are_scored_without_images(dpgbench: Dpgbench) -> None:
    dpgbench(*RUN)
    dpgbench("score", "out", "--judge", "tiny-mplug")
    judged = read_scorecard(Path("out/judgements/tiny-mplug/scorecard.json"))
    scored = dpgbench("score", "out", "--answers", "out/judgements/tiny-mplug/answers.jsonl")
    assert scored.exit_code == 0, scored.output
    imported = read_scorecard(Path("out/judgements/imported/scorecard.json"))
    assert imported.protocols == judged.protocols
    assert imported.judge.fingerprint == judged.judge.fingerprint
    alone = dpgbench("score", "--suite", "sample", "--answers", "out/judgements/tiny-mplug/answers.jsonl")
    assert alone.exit_code == 3
    card = read_scorecard(Path("runs/answers/judgements/imported/scorecard.json"))
    assert card["corrected"].prompts_scored == 2
    assert card["corrected"].prompts_expected == 24


@pytest.mark.parametrize("command", ["models", "judges", "suites"])
def test_listings_name_what_there_is(dpgbench: Dpgbench, command: str) -> None:
    result = dpgbench(command)
    assert result.exit_code == 0
    for name in {
        "models": ["sd15", "ella-sd15", "tiny-sd15", "tiny-ella-sd15", "guidance 12", "length="],
        "judges": ["mplug", "tiny-mplug", "v1.0.0", "path="],
        "suites": ["dpg-bench", "dsg-1k", "sample", "FILE", "hf:DATASET"],
    }[command]:
        assert name in result.stdout


def test_doctor_says_what_is_here(dpgbench: Dpgbench) -> None:
    result = dpgbench("doctor")
    assert result.exit_code == 0, result.output
    assert "torch" in result.stdout
    assert "CPU cores" in result.stdout
    assert "here     miniature, mini-sd15, mini-ella-sd15, mini-mplug: shipped" in result.stdout
    assert "MISSING  ella-sd15: run would first download 15.3 GB (Stable Diffusion 1.5 without CLIP" in result.stdout
    assert "MISSING  mplug: score would first download 8.0 GB (`dpgbench fetch mplug`)" in result.stdout
    assert "MISSING  dpg-bench: run and score would first download" in result.stdout


def test_doctor_reports_without_secrets_or_the_home_folder(
    dpgbench: Dpgbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = tmp_path / "alice"
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("HF_TOKEN", "hf_secret")
    monkeypatch.setenv("DPGBENCH_ELLA_URL", "https://alice:password@mirror.example")
    monkeypatch.setenv("DPGBENCH_CACHE", str(home / "weights"))
    result = dpgbench("doctor", "--report")
    assert result.exit_code == 0, result.output
    assert "dpg-bench: ~/weights (not there yet)" in result.stdout
    assert "DPGBENCH_CACHE, DPGBENCH_ELLA_URL" in result.stdout
    assert "HF_TOKEN" in result.stdout
    assert f"dpg-bench {dpg_bench.__version__}" in result.stdout
    assert platform.platform() in result.stdout
    for secret in ("hf_secret", "password", str(home)):
        assert secret not in result.output
    assert str(home / "weights") in dpgbench("doctor").stdout


def test_doctor_needs_no_torch(tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('no torch on this machine')")
    result = subprocess.run(
        [sys.executable, "-m", "dpg_bench", "doctor"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "torch can't be imported (no torch on this machine)" in result.stdout
    assert "Traceback" not in result.stderr


def test_a_plan_says_what_it_would_download_and_how_long_it_would_take(dpgbench: Dpgbench, tiny_folder: Path) -> None:
    full = dpgbench("run", "--model", "sd15", "--suite", "sample", "--dry-run")
    assert "Stable Diffusion 1.5: stable-diffusion-v1-5/stable-diffusion-v1-5@" in full.stdout
    assert "at most about" in full.stdout
    own = dpgbench("run", "--model", "sd15", "-M", f"base={tiny_folder}", "--suite", "sample", "--dry-run")
    assert re.search(r"downloads +none", own.stdout)
    assert re.search(r"time +not known: no run with these settings", own.stdout)
    assert dpgbench(*RUN).exit_code == 0
    again = dpgbench(*RUN[:-1], "other", "--dry-run")
    assert re.search(r"time +about \S+ of drawing, at the pace of out", again.stdout)


def test_loading_is_a_stage_of_its_own(tmp_path: Path) -> None:
    plan = plan_run(RunRequest(model="tiny-sd15", suite="sample", limit=2, steps=1, out=tmp_path / "run"))
    seen: list[GenerationProgress] = []
    execute_run(plan, progress=seen.append)
    stages = [state.stage for state in seen]
    assert stages[0] == "loading"
    assert stages[1] == "drawing"
    assert stages[-1] == "writing"
    assert (seen[0].total, seen[0].done, seen[-1].done) == (2, 0, 2)
