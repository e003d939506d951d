"""How fast the command starts, and what scoring a full-size answer file takes.

    python -m benchmarks.results.start

Targets: `dpgbench --help` within 0.3 s of a bare `import typer, rich`; `score --answers` with 57,544 answers under 3 s
and 300 MB. Medians of seven and of three processes, after one that warms up; processor seconds in brackets.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import Ended, describe_machine, run_to_end
from benchmarks.results.material import draw_answers, make_suite


def main() -> None:
    print(describe_machine())
    bare = median([sys.executable, "-c", "import typer, rich"], 7)
    tool = median([sys.executable, "-m", "dpg_bench", "--help"], 7)
    print(f"import typer, rich: {show(bare)}")
    print(f"dpgbench --help:    {show(tool)}, {tool.seconds - bare.seconds:+.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        items = make_suite(work / "suite.csv")
        draw_answers(work / "answers.csv", items, skill=5, seed=0)
        command = [sys.executable, "-m", "dpg_bench", "score", "--answers", str(work / "answers.csv")]
        scored = median([*command, "--suite", str(work / "suite.csv"), "--out", str(work / "scored")], 3)
        answers = sum(1 for _ in (work / "answers.csv").open()) - 1
    print(f"dpgbench score --answers, {answers} of them: {show(scored)}, peak {scored.megabytes:.0f} MB")


def median(command: list[str], times: int) -> Ended:
    ended = [run_to_end(command) for _ in range(times + 1)][1:]
    return Ended(*(statistics.median(getattr(one, name) for one in ended) for name in Ended.__slots__))


def show(ended: Ended) -> str:
    return f"{ended.seconds:.2f} s ({ended.processor:.2f} s)"


if __name__ == "__main__":
    main()
