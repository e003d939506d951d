"""What each way to share a run costs by itself, per item: a model that takes no time, 1 image of 8 × 8 pixels an item.

The cost is the slope between a run of few items and one of many, so that starting processes and loading doesn't count;
that is the other column. One worker each, since two would only hide what they cost.

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
from dpg_bench.jobs import RunRequest, execute_run, plan_run
from dpg_bench.jobs.executors.blocks import Engine, Work
from dpg_bench.jobs.executors.generation import execute_run_on
from dpg_bench.jobs.executors.local import LocalProcesses
from dpg_bench.jobs.executors.ray import RayActors
from dpg_bench.jobs.run_plan import RunPlan


def main() -> None:
    """Measure all and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--few", type=int, default=200)
    parser.add_argument("--many", type=int, default=2200)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    logging.disable(logging.WARNING)
    print(describe_machine())
    print(f"median of {options.repeats}, {options.few} and {options.many} items\n")

    def shared(plan: RunPlan) -> None:
        execute_run(plan, shard="0/2")
        execute_run(plan, shard="1/2")

    def handed(start: Callable[[Work], Engine]) -> Callable[[RunPlan], object]:
        return lambda plan: execute_run_on(plan, start)

    ways: dict[str, Callable[[RunPlan], object]] = {
        "one process": execute_run,
        "two shares, one after the other": shared,
        "--devices cpu": handed(lambda work: LocalProcesses(work, ["cpu"])),
        "--engine ray --workers 1": handed(lambda work: RayActors(work, workers=1)),
    }
    for name, way in ways.items():
        slopes, starts = [], []
        for _ in range(options.repeats):
            few, many = (seconds(way, count) for count in (options.few, options.many))
            slope = (many - few) / (options.many - options.few)
            slopes.append(slope)
            starts.append(few - slope * options.few)
        middle = options.repeats // 2
        print(
            f"{name:34}{1000 * sorted(slopes)[middle]:8.2f} ms an item{sorted(starts)[middle]:8.2f} s to start and end"
        )


def seconds(way: Callable[[RunPlan], object], count: int) -> float:
    """How long a new run of so many items takes."""
    with tempfile.TemporaryDirectory() as folder:
        suite = Path(folder) / "suite.csv"
        write_question_file(suite, (Row(f"i{n}", "a fox", 1, 0, "entity - whole", "Is it?") for n in range(count)))
        request = RunRequest(
            model=BLANK, suite=str(suite), images_per_prompt=1, device="cpu", batch_size=1, out=Path(folder) / "run"
        )
        plan = plan_run(request)
        start = time.perf_counter()
        way(plan)
        return time.perf_counter() - start


if __name__ == "__main__":
    main()
