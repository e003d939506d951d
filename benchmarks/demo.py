"""Wall-clock and processor seconds of `make demo`, and the memory of all its processes together.

    python -m benchmarks.demo          after `make install`; Linux, since /proc tells the memory

Memory is what the processes hold, pages that they share counted once (PSS), looked at twice a second.
"""

from __future__ import annotations

import os
import subprocess
import time
from collections import defaultdict
from pathlib import Path

from benchmarks.measuring import describe_machine

_PAUSE = 0.5


def main() -> None:
    print(describe_machine(), flush=True)
    start, before = time.perf_counter(), os.times()
    process = subprocess.Popen(["make", "demo"])
    peak = 0
    while process.poll() is None:
        peak = max(peak, sum(map(held, family(process.pid))))
        time.sleep(_PAUSE)
    seconds, after = time.perf_counter() - start, os.times()
    processor = sum(after[2:4]) - sum(before[2:4])  # of the children that have ended
    print(f"make demo: {seconds:.0f} s, {processor:.0f} processor seconds, at most {peak / 1e6:.0f} MB at once")
    raise SystemExit(process.returncode)


def family(root: int) -> list[int]:
    """The process and all that descend from it."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:  # it has ended meanwhile
            continue
        children[int(fields[1])].append(int(status.parent.name))
    found = [root]
    for process in found:
        found += children[process]
    return found


def held(process: int) -> int:
    """Bytes that a process holds; 0 if it has ended."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("Pss:")), 0)


if __name__ == "__main__":
    main()
