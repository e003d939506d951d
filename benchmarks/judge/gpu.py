"""Everything `dpgbench score` does for the full benchmark on a GPU, from PNG files on disk to the scorecard.

    python -m benchmarks.judge.gpu           one GPU, made to end within ten minutes, 13 GB of disk; downloads nothing
    python -m benchmarks.judge.gpu --toy     the same at toy size on a CPU, in under a minute

Made here: a full-size checkpoint of random weights, 1065 grids of four 1024 px tiles, 14,386 questions about as long
as DPG-Bench's. The reference's time for as many questions is measured on some (if `make bench-env` was run) and
extrapolated by their number, without its loading and imports. Then `score` runs in a process of its own, once in each
precision, the default first. Prints its seconds and what they went into (loading, judging, waiting for tiles, the rest),
the GPU's utilisation meanwhile, and how many times as fast as the reference it was.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from benchmarks.judge.material import (
    FULL,
    ITEMS,
    QUESTIONS,
    SIDE,
    TILES,
    TOY,
    spread,
    write_checkpoint,
    write_images,
    write_suite,
)
from benchmarks.measuring import describe_machine
from dpg_bench.jobs import ScoreRequest, execute_score, plan_score
from dpg_bench.jobs.score_plan import Judging
from dpg_bench.judge.base import Judge, JudgeSettings
from dpg_bench.judge.mplug.spec import MPLUG
from dpg_bench.records import Reply

REFERENCE = Path(".venv-bench/bin/python")
TOY_ITEMS, TOY_QUESTIONS, TOY_SIDE = 20, 270, 64
REFERENCE_QUESTIONS = 16


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds inside the process: the judge's loading, its answering, and everything from plan to scorecard.

    `first` is how long the first batch of tiles took to arrive; `waiting` the rest of the time between two batches,
    in which tiles are waited for and answers written.
    """

    loading: float
    judging: float
    first: float
    waiting: float
    calls: int
    answers: int


@dataclass(frozen=True, slots=True)
class Reference:
    """Seconds for all questions, extrapolated, and what it answered to some, by item and question."""

    seconds: float
    answers: Mapping[tuple[str, str], str]


class TimedJudge:
    """A judge with a record of when it was at work."""

    def __init__(self, judge: Judge) -> None:
        self._judge = judge
        self.loaded = time.perf_counter()
        self.calls: list[tuple[float, float]] = []
        self.answers = 0

    @property
    def fingerprint(self) -> str:
        return self._judge.fingerprint

    @property
    def provenance(self) -> Mapping[str, Any]:
        return self._judge.provenance

    @property
    def preprocess(self) -> Callable[[Image.Image], NDArray[np.uint8]]:
        return self._judge.preprocess

    def answer(self, pixels: Sequence[NDArray[np.uint8]], questions: Sequence[Sequence[str]]) -> list[list[Reply]]:
        start = time.perf_counter()
        answers = self._judge.answer(pixels, questions)  # texts, so nothing is left on the GPU
        self.calls.append((start, time.perf_counter()))
        self.answers += sum(map(len, answers))
        return answers


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true", help="toy size, on a CPU")
    parser.add_argument(
        "--dtype", nargs="+", choices=MPLUG.dtypes, help="score's precisions to measure; by default all"
    )
    parser.add_argument("--batch-size", type=int, help="images per call; score's own default if left out")
    parser.add_argument("--work", type=Path, help="where images and checkpoint go; a temporary folder by default")
    parser.add_argument("--score", type=Path, help=argparse.SUPPRESS)  # this script as the process that is measured
    arguments = parser.parse_args()
    if not arguments.toy and not torch.cuda.is_available():
        parser.error("full size wants a CUDA GPU; --toy runs on a CPU.")
    device = "cpu" if arguments.toy else "cuda"
    dtypes = arguments.dtype or (["float32"] if arguments.toy else list(MPLUG.dtypes))
    if arguments.score:
        print(json.dumps(asdict(score(arguments.score, device, dtypes[0], arguments.batch_size))))
        return
    print(describe_machine())
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        measure(Path(folder), device, dtypes, toy=arguments.toy)


def measure(work: Path, device: str, dtypes: Sequence[str], *, toy: bool) -> None:
    asked = make_material(work, device, toy=toy)
    reference = measure_reference(work, asked, device)
    for dtype in dtypes:
        seconds = measure_score(work, device, dtype, toy=toy)
        if reference is not None:
            given = answers_of_first_tiles(work / f"scored-{dtype}")
            same = sum(given[pair] == text for pair, text in reference.answers.items())
            print(
                f"  {reference.seconds / seconds:.0f} times as fast as the reference; "
                f"answers that agree: {same} of {len(reference.answers)}",
                flush=True,
            )


def make_material(work: Path, device: str, *, toy: bool) -> dict[str, list[str]]:
    """Images, checkpoint and questions; the questions by item."""
    start = time.perf_counter()
    items, questions, side = (TOY_ITEMS, TOY_QUESTIONS, TOY_SIDE) if toy else (ITEMS, QUESTIONS, SIDE)
    asked = write_suite(work / "suite.csv", spread(questions, items))
    write_images(work / "images", list(asked), tile=side, tiles=TILES, processes=os.cpu_count() or 1)
    write_checkpoint(work / "checkpoint", TOY if toy else FULL, device=device)
    megabytes = sum(file.stat().st_size for file in (work / "images").iterdir()) / 1e6
    seconds = time.perf_counter() - start
    print(f"made in {seconds:.0f} s: {items} grids of {2 * side} px ({megabytes:.0f} MB of PNG)", flush=True)
    return asked


def measure_score(work: Path, device: str, dtype: str, *, toy: bool) -> float:
    """Seconds of a whole process that scores in `dtype`, printed with what they went into."""
    environment = os.environ | {"DPGBENCH_CACHE": str(work / "cache")}
    if toy:
        environment["OMP_NUM_THREADS"] = "1"  # at toy size threads only wait for each other
    gpu = Gpu() if device == "cuda" else None
    start = time.perf_counter()
    command = [*sys.orig_argv, "--dtype", dtype, "--score", str(work)]
    child = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True)
    seconds = time.perf_counter() - start
    usage = gpu.stop() if gpu else "GPU utilisation: not measured, no GPU in use"
    spent = Spent(**json.loads(child.stdout.splitlines()[-1]))
    rest = seconds - spent.loading - spent.judging - spent.first - spent.waiting
    print(f"score, {dtype} on {device}: {seconds:.1f} s for {spent.answers} answers")
    print(
        f"  loading the judge {spent.loading:.1f} s, waiting for the first tiles {spent.first:.1f} s, judging "
        f"{spent.judging:.1f} s in {spent.calls} calls, between calls (tiles, writing) {spent.waiting:.1f} s, "
        f"imports, suite, scoring {rest:.1f} s"
    )
    print(f"  bound by {'the judge' if spent.judging > spent.waiting else 'the tiles'}; {usage}", flush=True)
    return seconds


def score(work: Path, device: str, dtype: str, batch_size: int | None) -> Spent:
    """What `dpgbench score` does, with the judge timed."""
    plan = plan_score(
        ScoreRequest(
            path=work / "images",
            suite=str(work / "suite.csv"),
            options={"path": str(work / "checkpoint")},
            device=device,
            dtype=dtype,
            batch_size=batch_size,
            out=work / f"scored-{dtype}",
        )
    )
    source = plan.source
    assert isinstance(source, Judging)
    judges: list[TimedJudge] = []
    planned = time.perf_counter()

    def load(settings: JudgeSettings) -> Judge:
        judges.append(TimedJudge(source.spec.load(settings)))
        return judges[0]

    execute_score(replace(plan, source=replace(source, spec=replace(source.spec, load=load))))
    judge = judges[0]
    gaps = [after[0] - before[1] for before, after in zip(judge.calls, judge.calls[1:], strict=False)]
    return Spent(
        loading=judge.loaded - planned,
        judging=sum(end - start for start, end in judge.calls),
        first=judge.calls[0][0] - judge.loaded,
        waiting=sum(gaps),
        calls=len(judge.calls),
        answers=judge.answers,
    )


def measure_reference(work: Path, asked: Mapping[str, list[str]], device: str) -> Reference | None:
    """The reference on a few questions, each about the first tile of its grid; None without its environment."""
    if not REFERENCE.exists():
        print("reference: not measured (no .venv-bench: run `make bench-env`)")
        return None
    pairs = [(name, question) for name, questions in asked.items() for question in questions][:REFERENCE_QUESTIONS]
    for name in {name for name, _ in pairs}:  # the official script cuts a tile out of its grid before it asks
        grid = Image.open(work / "images" / f"{name}.png")
        grid.crop((0, 0, grid.width // 2, grid.height // 2)).save(work / f"{name}.png")
    job = {
        "checkpoint": str(work / "checkpoint"),
        "device": device,
        "asked": [(str(work / f"{name}.png"), question) for name, question in pairs],
    }
    (work / "job.json").write_text(json.dumps(job))
    command = [
        str(REFERENCE),
        "-P",  # beside it lies profile.py, which would stand for the standard library's
        "benchmarks/judge/reference_mplug.py",
        str(work / "job.json"),
        str(work / "reference.json"),
    ]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    said = json.loads((work / "reference.json").read_text())
    each = statistics.median(said["seconds"][2:])  # the first two warm up
    whole = each * TILES * sum(map(len, asked.values()))
    print(f"reference: {each:.3f} s a question over {len(pairs)}, so {whole:.0f} s for all", flush=True)
    return Reference(whole, dict(zip(pairs, said["answers"], strict=True)))


def answers_of_first_tiles(folder: Path) -> dict[tuple[str, str], str]:
    """By item and question."""
    lines = [json.loads(line) for line in (folder / "judgements/mplug/answers.jsonl").open()]
    return {(line["item_id"], line["question"]): line["answer"] for line in lines if line["image"] == 0}


class Gpu:
    """The GPU's utilisation, sampled twice a second by nvidia-smi until `stop`."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
        if shutil.which("nvidia-smi"):
            query = ["--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits", "-lms", "500"]
            self._process = subprocess.Popen(["nvidia-smi", "-i", "0", *query], stdout=subprocess.PIPE, text=True)

    def stop(self) -> str:
        """What was seen, in words."""
        if self._process is None:
            return "GPU utilisation: not measured, no nvidia-smi"
        self._process.terminate()
        output, _ = self._process.communicate()
        samples = [tuple(map(int, line.split(","))) for line in output.splitlines() if line.count(",") == 1]
        busy = [used for used, _ in samples]
        return (
            f"GPU utilisation {statistics.mean(busy):.0f} % over the whole process (median {statistics.median(busy):.0f}"
            f" %, {len(busy)} samples), GPU memory up to {max(memory for _, memory in samples) / 1024:.1f} GB"
        )


if __name__ == "__main__":
    main()
