"""Clusters of Ray that lose nodes, get new ones, have none left or lose their head, under commands that go on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from dpg_bench.errors import DpgBenchError
from dpg_bench.jobs import RunRequest, ScoreRequest, execute_run, execute_score, plan_run, plan_score
from dpg_bench.jobs.executors.generation import execute_run_on
from dpg_bench.jobs.executors.ray import RayActors

ray = pytest.importorskip("ray")
psutil = pytest.importorskip("psutil")

pytestmark = [pytest.mark.nightly, pytest.mark.timeout(900)]

ROOT = Path(__file__).resolve().parents[3]
SMALL = ("--model", "tiny-sd15", "--suite", "sample", "--limit", "12", "--steps", "20", "--size", "32")
RAY = ("--engine", "ray", "--workers", "2")
LONG = 300.0


class Nodes:
    """A head without room for work, and nodes with room for one worker each, all on this machine."""

    def __init__(self) -> None:
        from ray.cluster_utils import Cluster

        self._cluster: Any = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 0, "num_gpus": 0, "include_dashboard": False}
        )
        self._nodes: list[Any] = []

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def join(self) -> None:
        self._nodes.append(self._cluster.add_node(num_cpus=1, num_gpus=0, wait=False))

    def lose(self) -> None:
        """The oldest node, as a machine is lost: with all that runs on it, and without a word."""
        self._kill(self._nodes.pop(0))

    def lose_head(self) -> None:
        self._kill(self._cluster.head_node)

    def close(self) -> None:
        for node in (*self._nodes, self._cluster.head_node):
            self._kill(node)
        self._cluster.shutdown()

    @staticmethod
    def _kill(node: Any) -> None:
        for started in [one for ones in node.all_processes.values() for one in ones]:
            if started.process.poll() is None:
                for process in psutil.Process(started.process.pid).children(recursive=True):
                    process.kill()
                started.process.kill()
                started.process.wait()


@pytest.fixture
def nodes() -> Iterator[Nodes]:
    nodes = Nodes()
    yield nodes
    nodes.close()


@dataclass
class Command:
    process: subprocess.Popen[str]

    def ends(self) -> tuple[int, str]:
        """The exit code, and what the command said."""
        said, _ = self.process.communicate(timeout=LONG)
        return self.process.returncode, said


@pytest.fixture
def command(nodes: Nodes, tmp_path: Path) -> Iterator[Callable[..., Command]]:
    """Starts `dpgbench` as a process that knows the cluster by RAY_ADDRESS."""
    environment = {**os.environ, "RAY_ADDRESS": nodes.address, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    begun: list[Command] = []

    def start(*words: str) -> Command:
        process = subprocess.Popen(
            [sys.executable, "-m", "dpg_bench", *words],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        begun.append(Command(process))
        return begun[-1]

    yield start
    for one in begun:
        one.process.kill()
        one.process.communicate()


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run that one process made and judged."""
    out = tmp_path_factory.mktemp("alone") / "run"
    execute_run(
        plan_run(RunRequest(model="tiny-sd15", suite="sample", limit=12, steps=20, size=32, device="cpu", out=out))
    )
    execute_score(plan_score(ScoreRequest(path=out, judge="tiny-mplug")))
    return out


def results(run: Path) -> dict[str, bytes]:
    names = ("run.json", "generation.jsonl", ".lock")
    files = (file for file in run.rglob("*") if file.is_file() and file.name not in names)
    return {file.relative_to(run).as_posix(): file.read_bytes() for file in files}


def until(holds: Callable[[], bool], command: Command) -> None:
    end = time.monotonic() + LONG
    while not holds():
        assert command.process.poll() is None, command.ends()
        assert time.monotonic() < end
        time.sleep(0.05)


def lines_below(folder: Path) -> int:
    return sum(log.read_bytes().count(b"\n") for log in folder.rglob("answers.jsonl"))


def begun(nodes: Nodes, command: Callable[..., Command], run: Path) -> Command:
    """A run on the cluster, a node of which joins first; its first image is made."""
    nodes.join()
    drawing = command("run", *SMALL, *RAY, "--out", run.name)
    until(lambda: any(run.glob("images/*.png")), drawing)
    return drawing


def test_a_lost_node_is_made_up_for_by_one_that_joins_later(
    nodes: Nodes, command: Callable[..., Command], alone: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    nodes.join()
    drawing = begun(nodes, command, run)
    nodes.lose()
    nodes.join()
    assert drawing.ends()[0] == 0

    judging = command("score", "run", "--judge", "tiny-mplug", *RAY)
    until(lambda: lines_below(run / "judgements") > 0, judging)
    nodes.lose()
    assert judging.ends()[0] == 0
    assert results(run) == results(alone)


def test_a_cluster_with_no_node_left_is_waited_for_and_told(
    nodes: Nodes, command: Callable[..., Command], alone: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    drawing = begun(nodes, command, run)
    nodes.lose()
    time.sleep(40)
    assert drawing.process.poll() is None
    nodes.join()
    code, said = drawing.ends()
    assert (code, "No worker runs: each takes 1 CPU of the Ray cluster, and no node has" in said) == (0, True), said
    assert {name: content for name, content in results(alone).items() if name.startswith("images/")} == results(run)


def test_a_lost_head_ends_the_command_with_one_message_and_the_next_one_too(
    nodes: Nodes, command: Callable[..., Command], alone: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    nodes.join()
    drawing = command("run", *SMALL[:-4], "--steps", "4000", "--size", "32", *RAY, "--out", "run")
    until(lambda: any(run.rglob("worker-*/.lock")), drawing)
    nodes.lose_head()
    code, said = drawing.ends()
    assert (code, "The head of the Ray cluster" in said, "Traceback" in said) == (1, True, False), said
    unreached = command("run", *SMALL, *RAY, "--out", "other")
    code, said = unreached.ends()
    assert (code, f"RAY_ADDRESS={nodes.address} can't be reached" in said) == (2, True), said


def test_sigterm_ends_a_command_on_a_cluster_as_any_other(
    nodes: Nodes, command: Callable[..., Command], alone: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    drawing = begun(nodes, command, run)
    drawing.process.send_signal(signal.SIGTERM)
    code, said = drawing.ends()
    assert (code, "the same command continues" in said, "PC: @" in said) == (143, True, False), said
    code, said = command("run", *SMALL, *RAY, "--out", "run").ends()
    assert code == 0, said
    assert {name: content for name, content in results(alone).items() if name.startswith("images/")} == results(run)


def test_a_cluster_that_never_has_room_is_given_up(
    nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RAY_ADDRESS", nodes.address)
    plan = plan_run(RunRequest(model="tiny-sd15", suite="sample", steps=1, size=32, device="cpu", out=tmp_path / "run"))
    with pytest.raises(DpgBenchError, match="no node of the Ray cluster has had the 1 CPU"):
        execute_run_on(plan, lambda work: RayActors(work, workers=2, patience=6))
