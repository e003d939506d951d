"""What the processor has to do while a GPU judges: the full benchmark with a judge that takes no time.

    python -m benchmarks.judge.host                10 GB of disk; minutes, most of them to make the images
    python -m benchmarks.judge.host --items 100    fewer grids

1065 grids of four 1024 px tiles as PNG, 14,386 questions about each tile; read, hashed, decoded, cut and resized to
504 px by as many worker processes as `score` starts on a GPU, and the answers written. Prints the seconds, and the
processor's per grid: the workers' are spread over the cores there are, but for the main thread's a GPU has to wait.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.judge.material import FULL, ITEMS, QUESTIONS, SIDE, TILES, spread, write_images, write_suite
from benchmarks.measuring import describe_machine
from dpg_bench.files.images import find_images
from dpg_bench.judge.ask import default_batch_size
from dpg_bench.judge.prefetch import default_workers
from dpg_bench.judge.resizing import Squash
from dpg_bench.judge.stage import judge_images
from dpg_bench.judge.tiles import TileJob, read_tiles
from dpg_bench.records import Reply
from dpg_bench.suite.registry import load_suite

REPEATS = 9


class InstantJudge:
    """Says yes to everything, at once."""

    fingerprint = "instant"
    provenance: Mapping[str, Any] = {}
    preprocess = Squash(FULL.vision.image_res)

    def answer(self, pixels: Sequence[NDArray[np.uint8]], questions: Sequence[Sequence[str]]) -> list[list[Reply]]:
        np.stack(pixels)  # what every judge begins with
        return [[Reply("yes")] * len(asked) for asked in questions]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--items", type=int, default=ITEMS)
    parser.add_argument("--work", type=Path, help="where the images go; a temporary folder by default")
    arguments = parser.parse_args()
    print(describe_machine())
    with tempfile.TemporaryDirectory(dir=arguments.work) as folder:
        measure(Path(folder), arguments.items)


def measure(work: Path, items: int) -> None:
    asked = write_suite(work / "suite.csv", spread(QUESTIONS * items // ITEMS, items))
    write_images(work / "images", list(asked), tile=SIDE, tiles=TILES, processes=os.cpu_count() or 1)
    size = sum(file.stat().st_size for file in (work / "images").iterdir()) / 1e9
    suite = load_suite(str(work / "suite.csv"))
    images = find_images(work / "images", list(asked), images_per_prompt=TILES, resolution=SIDE)

    job = TileJob(images.items[next(iter(asked))], TILES, SIDE, InstantJudge.preprocess)
    each = statistics.median(processor_seconds(lambda: read_tiles(job)) for _ in range(REPEATS))
    workers = default_workers(items, "cuda")
    process, thread, start = time.process_time(), time.thread_time(), time.perf_counter()
    outcome = judge_images(
        suite.prompts,
        images,
        InstantJudge(),
        folder=work / "judged",
        batch_size=default_batch_size("cuda"),
        workers=workers,
    )
    seconds = time.perf_counter() - start
    process, thread = time.process_time() - process, time.thread_time() - thread
    print(
        f"{items} grids of {2 * SIDE} px ({size:.1f} GB of PNG), {outcome.asked} answers, {workers} workers: "
        f"{seconds:.1f} s\n"
        f"  a grid takes a worker {each:.3f} processor seconds (median of {REPEATS})\n"
        f"  the main process takes {process / items:.4f} a grid, {process:.1f} in all; of these {thread:.1f} are its "
        "main thread's, for which a GPU would wait"
    )


def processor_seconds(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


if __name__ == "__main__":
    main()
