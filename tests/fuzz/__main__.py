"""`python -m tests.fuzz --seconds 60`: fuzz every reader of strangers' files in turn (needs the extra `fuzz`).

What is found goes on in `build/fuzz/READER/corpus` from call to call; `--keep` takes it over into `tests/fuzz/corpora`.
Inputs that ended in anything but a clear error lie in `build/fuzz/READER/escapes`, with their tracebacks; if there are
any, it exits with 1.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

from tests.fuzz.corpora import file_name, keep_inputs
from tests.fuzz.readers import GROUPS, names

_ROOT = Path(__file__).parents[2]
_ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(_ROOT)}


def main() -> int:
    """Fuzz the readers that are asked for; a Markdown table of what came of it, on standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each reader")
    parser.add_argument("--reader", action="append", default=[], help="only this one; may be given several times")
    parser.add_argument("--work", type=Path, default=_ROOT / "build" / "fuzz", help="where corpora and escapes go")
    parser.add_argument("--keep", action="store_true", help="take the corpora over into tests/fuzz/corpora")
    asked = parser.parse_args()
    known = {group: names(group) for group in GROUPS}
    everything = [name for group in known.values() for name in group]
    if unknown := [name for name in asked.reader if name not in everything]:
        parser.error(f"no reader {', '.join(map(repr, unknown))}; there are {', '.join(everything)}")
    print(
        "| reader | seconds | inputs | corpus | coverage | peak MB | escapes |\n|---|---|---|---|---|---|---|",
        flush=True,
    )
    escaped = False
    for group, of_group in known.items():
        wanted = [name for name in of_group if not asked.reader or name in asked.reader]
        if wanted:
            # In a process of its own, which begins with no memory of another group's libraries.
            command = [
                sys.executable,
                "-m",
                "tests.fuzz.one_group",
                group,
                str(asked.seconds),
                str(asked.work),
                *wanted,
            ]
            escaped = bool(subprocess.run(command, check=False, env=_ENVIRONMENT).returncode) or escaped
        for name in wanted if asked.keep else ():
            keep_inputs(name, (file.read_bytes() for file in (asked.work / file_name(name) / "corpus").iterdir()))
    return int(escaped)


if __name__ == "__main__":
    sys.exit(main())
