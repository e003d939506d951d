"""Shares on the command line: by option and by launchers, in real processes that know of each other by the folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Dpgbench

SMALL = ("--model", "tiny-sd15", "--suite", "sample", "--limit", "5", "--steps", "1", "--size", "32")
# Any use of a process group would be an error here.
LAUNCHED = """
import sys, time
from pathlib import Path

import torch.distributed as distributed

def refuse(*_, **__):
    raise AssertionError("a process group was made")

distributed.init_process_group = distributed.new_group = refuse
if hasattr(distributed, "ProcessGroupGloo"):
    distributed.ProcessGroupGloo = refuse
from typer.testing import CliRunner
from dpg_bench.cli.app import app

def run(*args):
    result = CliRunner().invoke(app, args)
    assert result.exit_code == 0, result.output
    print(result.output)

run("run", *sys.argv[1:], "--out", "shared")
until = time.monotonic() + 60
while len(list(Path("shared/images").glob("*.png"))) < 5 and time.monotonic() < until:
    time.sleep(0.05)
run("score", "shared", "--judge", "tiny-mplug")
assert not distributed.is_initialized()
"""


def contents(run: Path) -> dict[str, bytes]:
    names = ("run.json", "generation.jsonl", ".lock")
    files = (file for file in run.rglob("*") if file.is_file() and file.name not in names)
    return {file.relative_to(run).as_posix(): file.read_bytes() for file in files}


@pytest.mark.parametrize("processes", [2, pytest.param(3, marks=pytest.mark.nightly)])
def test_torchrun_s_processes_share_the_work_without_a_process_group(
    processes: int, dpgbench: Dpgbench, tmp_path: Path
) -> None:
    (tmp_path / "launched.py").write_text(LAUNCHED, encoding="utf-8")
    command = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", str(processes)]
    root = str(Path(__file__).resolve().parents[2])
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": root}
    ended = subprocess.run(
        [*command, "launched.py", *SMALL], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert ended.stdout.count("as RANK and WORLD_SIZE say; with --shard 0/1 it would do all") == 2 * processes
    assert "Scorecard: " in ended.stdout  # more than once, if two were done before either saw to it
    dpgbench("run", *SMALL, "--out", "alone")
    dpgbench("score", "alone", "--judge", "tiny-mplug")
    assert contents(tmp_path / "shared") == contents(tmp_path / "alone")


def test_each_share_says_whose_it_is_and_the_last_makes_the_scorecard(dpgbench: Dpgbench) -> None:
    first = dpgbench("run", *SMALL, "--out", "shared", "--shard", "0/2")
    assert "This process does share 0/2 of shared." in first.output
    assert "This share is done, 3 items; 2 of 5 are left to others" in first.output
    assert "shared/images" in dpgbench("run", *SMALL, "--out", "shared", "--shard", "1/2").output
    judged = dpgbench("score", "shared", "--judge", "tiny-mplug", "--shard", "1/2", "--json")
    assert (judged.exit_code, judged.stdout) == (0, "")
    assert "3 of 5 items are left to others, and the last to finish makes the scorecard" in judged.output
    last = dpgbench("score", "shared", "--judge", "tiny-mplug", env={"SLURM_PROCID": "0", "SLURM_NTASKS": "2"})
    assert "share 0/2" in last.output
    assert "Scorecard: shared/judgements/tiny-mplug/scorecard.json" in last.output


def test_what_is_no_share_is_refused(dpgbench: Dpgbench) -> None:
    refused = dpgbench("run", *SMALL, "--out", "shared", "--shard", "2/2")
    assert (
        refused.exit_code,
        "--shard is '2/2'; it must be I/N, counted from 0: from 0/2 to 1/2" in refused.output,
    ) == (
        2,
        True,
    )


def test_answers_from_elsewhere_are_scored_by_the_first_process_alone(dpgbench: Dpgbench, tmp_path: Path) -> None:
    header = "item_id,text,keywords,proposition_id,dependency,category_broad,category_detailed,tuple"
    row = "owl,An owl.,,1,0,entity,whole,entity - whole (owl),Is there an owl?"
    (tmp_path / "suite.csv").write_text(f"{header},question_natural_language\n{row}\n", encoding="utf-8")
    (tmp_path / "a.csv").write_text("item_id,image,proposition_id,answer\nowl,0,1,yes\n", encoding="utf-8")
    score = ("score", "--answers", "a.csv", "--suite", "suite.csv", "--out", "r")
    second = dpgbench(*score, env={"RANK": "1", "WORLD_SIZE": "2"})
    assert (second.exit_code, "nothing to do" in second.output) == (0, True)
    assert "Scorecard: " in dpgbench(*score, env={"RANK": "0", "WORLD_SIZE": "2"}).output
    assert dpgbench(*score, "--shard", "0/2").exit_code == 2


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--devices", "cpu,cpu", "--shard", "0/2"), "one of several already (0/2, says --shard)"),
        (("--devices", "cpu,cpu", "--workers", "2"), "--devices says how many workers there are"),
        (("--devices", "cpu", "--engine", "ray"), "leave --devices out"),
        (("--devices", "all"), "sees none here"),
        (("--devices", "cpu,tpu"), "'tpu'"),
        (("--devices", "cpu,cpu", "--device", "cuda"), "leave --device cuda out"),
        (("--devices", "cpu,cpu", "--steal"), "leave --steal out, which is for --shard"),
        (("--workers", "100000"), "--workers is 100000; it must be at most 4096"),
        (("--workers", "0"), "workers is 0; it must be at least 1"),
    ],
)
def test_options_that_exclude_each_other_are_told(options: tuple[str, ...], said: str, dpgbench: Dpgbench) -> None:
    refused = dpgbench("run", *SMALL, "--out", "x", *options)
    assert (refused.exit_code, said in " ".join(refused.output.split())) == (2, True), refused.output
