"""What each way to share a run costs by itself, per item: a model that takes no time, 1 image of 8 × 8 pixels an item.

The cost is the time between the first and the last item that is told of, so that starting processes and loading doesn't
count; that is the other column. One worker each, since two would only hide what they cost.

    python -m benchmarks.scale.engines
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.material import Row, write_question_file
from benchmarks.measuring import describe_machine
from benchmarks.scale.blank import BLANK
from dpg_bench.generate.stage import GenerationProgress
from dpg_bench.jobs import RunRequest, execute_run, plan_run
from dpg_bench.jobs.executors.blocks import Engine, Work
from dpg_bench.jobs.executors.generation import execute_run_on
from dpg_bench.jobs.executors.local import LocalProcesses
from dpg_bench.jobs.executors.ray import RayActors
from dpg_bench.jobs.run_plan import RunPlan

Way = Callable[[RunPlan, Callable[[GenerationProgress], None]], object]


def main() -> None:
    """Measure all and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--items", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    print(describe_machine())
    print(f"{options.items} items, median of {options.repeats}\n")

    def handed(start: Callable[[Work], Engine]) -> Way:
        return lambda plan, progress: execute_run_on(plan, start, progress=progress)

    ways: dict[str, Way] = {
        "one process": lambda plan, progress: execute_run(plan, progress=progress),
        "a share": lambda plan, progress: execute_run(plan, shard="0/1", progress=progress),
        "--devices cpu": handed(lambda work: LocalProcesses(work, ["cpu"])),
        "--engine ray --workers 1": handed(lambda work: RayActors(work, workers=1)),
    }
    for name, way in ways.items():
        found = sorted(measure(way, options.items) for _ in range(options.repeats))
        each, other = found[options.repeats // 2]
        print(f"{name:28}{1000 * each:8.2f} ms an item{other:8.2f} s to start and end")


def measure(way: Way, count: int) -> tuple[float, float]:
    """Seconds an item takes between the first and the last that is told of, and all other seconds of the run."""
    told: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder) / "suite.csv"
        write_question_file(suite, (Row(f"i{n}", "a fox", 1, 0, "entity - whole", "Is it?") for n in range(count)))
        request = RunRequest(
            model=BLANK, suite=str(suite), images_per_prompt=1, device="cpu", batch_size=1, out=Path(folder) / "run"
        )
        plan = plan_run(request)
        start = time.perf_counter()
        way(plan, lambda state: told.append((time.perf_counter(), state.done)))
        end = time.perf_counter()
    counted = [(at, done) for at, done in told if done]
    (first, few), (last, many) = counted[0], counted[-1]
    return (last - first) / (many - few), (end - start) - (last - first)


if __name__ == "__main__":
    main()
