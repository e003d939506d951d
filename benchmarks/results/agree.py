"""What `agree` takes on the answers of two real judges: 23,716 of them, of DSG-1k.

    python -m benchmarks.results.agree FOLDER

FOLDER holds DSG-1k's released files, as for `dsg_table`. Target: under 3 s. Medians of three processes after one that warms
up; processor seconds in brackets.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from benchmarks.measuring import describe_machine
from benchmarks.results.start import median, show


def main() -> None:
    folder = Path(sys.argv[1])
    print(describe_machine())
    files = [folder / "mplug_dsg.csv", folder / "pali17b_dsg.csv"]
    answers = sum(sum(1 for _ in file.open(encoding="utf-8")) - 1 for file in files)
    command = [sys.executable, "-m", "dpg_bench", "agree", *map(str, files)]
    suite = ["--suite", str(folder / "dsg-1k-anns.csv")]
    human = ["--human", str(folder / "tifa160-likert-anns.csv")]
    with tempfile.TemporaryDirectory() as work:
        page = ["--html", str(Path(work) / "agree.html"), "--force"]
        for name, more in {
            "answers alone": [],
            "with the suite": suite,
            "with people's ratings": [*suite, *human],
            "and the page": [*suite, *human, *page],
        }.items():
            took = median([*command, *more], 3)
            print(f"dpgbench agree, {answers} answers, {name}: {show(took)}, peak {took.megabytes:.0f} MB")


if __name__ == "__main__":
    main()
