"""Time and memory of the commands that read scorecards, each as a process of its own, on runs of full size.

    python -m benchmarks.results.commands

Makes ten scored runs (see material.py) in a temporary folder and prints, for each command, the median and the
worst of `--repeats` wall-clock times, the median processor time, and the largest peak memory.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import Ended, describe_machine, run_to_end

COMMANDS = {
    "score --answers": "score --suite suite.csv --answers model-a.csv --out again",
    "compare, 2 runs": "compare model-a model-b",
    "compare, 4 runs": "compare model-a model-b model-c model-d",
    "baseline": "baseline model-a -o base.json --force",
    "check --categories": "check model-b --baseline model-a --categories",
    "leaderboard, 10 runs": "leaderboard . --published",
    "audit --published": "audit --published",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=5)
    repeats = parser.parse_args().repeats
    with tempfile.TemporaryDirectory() as folder:
        # A child's peak memory is never less than what its parent held, so the parent stays small.
        maker = [sys.executable, "-m", "benchmarks.results.material", folder, "--runs", "10"]
        subprocess.run(maker, check=True, stdout=subprocess.DEVNULL)
        print(f"{'command':<22} {'median s':>8} {'worst s':>8} {'cpu s':>8} {'peak MB':>8}")
        for name, line in COMMANDS.items():
            ended = [command(line.split(), Path(folder)) for _ in range(repeats)]
            seconds = [one.seconds for one in ended]
            cpu = statistics.median(one.processor for one in ended)
            peak = max(one.megabytes for one in ended)
            print(
                f"{name:<22} {statistics.median(seconds):8.2f} {max(seconds):8.2f} {cpu:8.2f} {peak:8.0f}", flush=True
            )
    print(describe_machine())


def command(arguments: list[str], folder: Path) -> Ended:
    """Run `dpgbench` in `folder`; a check may find a regression."""
    return run_to_end([sys.executable, "-m", "dpg_bench", *arguments], cwd=folder, expected=(0, 4))


if __name__ == "__main__":
    main()
