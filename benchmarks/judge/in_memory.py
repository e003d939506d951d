"""Images judged in memory with `DPGScore` against the same images written to files and judged by `score`'s own stage.

    python -m benchmarks.judge.in_memory [--items 64] [--judge tiny-mplug]

Both sides start with the images in memory, as a training loop has them, and the judge loaded, and end with a
scorecard. Alternating rounds; medians of wall-clock and processor seconds. That both give the same scores is checked.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

import dpg_bench as dpg
from benchmarks.judge.material import make_tile
from benchmarks.measuring import describe_machine
from dpg_bench.files.grid import make_grid
from dpg_bench.files.images import find_images
from dpg_bench.judge.in_memory import LoadedJudge
from dpg_bench.judge.stage import judge_images
from dpg_bench.score.scorecard import JudgeCard, RunCard, Scorecard
from dpg_bench.score.scoring import answers_to_scorecard

IMAGES, SIDE = 4, 512


@dataclass(frozen=True, slots=True)
class Spent:
    """Wall-clock and processor seconds."""

    seconds: float
    processor: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=64)
    parser.add_argument("--judge", default="tiny-mplug")
    parser.add_argument("--suite", default="sample")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    suite = dpg.load_suite(arguments.suite).select(arguments.items, seed=0)
    judge = dpg.load_judge(arguments.judge)
    images = {
        prompt.item_id: [make_tile(SIDE, number * IMAGES + image) for image in range(IMAGES)]
        for number, prompt in enumerate(suite)
    }
    memory, files = [], []
    for number in range(arguments.rounds + 1):  # the first warms up
        one, first = timed(lambda: in_memory(suite, judge, images))
        other, second = timed(lambda: through_files(suite, judge, images))
        if first.protocols != second.protocols:
            raise SystemExit("The two ways give different scores.")
        if number:
            memory.append(one)
            files.append(other)
    print(describe_machine())
    print(f"{len(suite)} prompts x {IMAGES} images of {SIDE} px, {suite.question_count * IMAGES} answers")
    for name, spent in (("in memory", memory), ("through files", files)):
        seconds = statistics.median(one.seconds for one in spent)
        print(f"{name:14} {seconds:7.2f} s  {statistics.median(one.processor for one in spent):7.2f} processor s")
    ratio = statistics.median(b.processor / a.processor for a, b in zip(memory, files, strict=True))
    print(f"files / memory, processor seconds, median of {arguments.rounds} rounds: {ratio:.3f}")


def in_memory(suite: dpg.Suite, judge: LoadedJudge, images: dict[str, list[Image.Image]]) -> Scorecard:
    metric = dpg.DPGScore(suite, judge=judge)
    for item_id, pictures in images.items():
        metric.update(item_id, pictures)
    return metric.compute()


def through_files(suite: dpg.Suite, judge: LoadedJudge, images: dict[str, list[Image.Image]]) -> Scorecard:
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        (folder / "images").mkdir()
        for item_id, pictures in images.items():
            make_grid(pictures).save(folder / "images" / f"{item_id}.png", compress_level=1)
        found = find_images(folder / "images", list(suite.by_id), images_per_prompt=IMAGES, resolution=SIDE)
        outcome = judge_images(suite.prompts, found, judge, folder=folder / "judged", batch_size=IMAGES)
    return answers_to_scorecard(
        suite.whole or suite,
        outcome.answers,
        judge=JudgeCard(name=judge.name, fingerprint=judge.fingerprint),
        run=RunCard(model=None, images_per_prompt=IMAGES, scored_by=dpg.__version__),
        item_ids=list(suite.by_id),
        p_yes=outcome.p_yes,
    )


def timed(work: Callable[[], Scorecard]) -> tuple[Spent, Scorecard]:
    seconds, processor = time.perf_counter(), time.process_time()
    card = work()
    return Spent(time.perf_counter() - seconds, time.process_time() - processor), card


if __name__ == "__main__":
    main()
