"""`python -m tests.fuzz --seconds 60`: fuzz every reader of strangers' files in turn (needs the extra `fuzz`).

What is found goes on in `build/fuzz/READER/corpus` from call to call; `--keep` takes it over into `tests/fuzz/corpora`.
Escapes lie under `build/fuzz/READER/escapes`, each with its traceback. Exits with 1 if there are any.
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.fuzz.corpora import file_name, keep_inputs

_ROOT = Path(__file__).parents[2]
_ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": str(_ROOT)}
_MOST_SECONDS_MORE = 120  # for the imports, the inputs that are there already, and the last input


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of fuzzing one reader. `coverage` are libFuzzer's edges of the toolkit's own code."""

    reader: str
    seconds: int
    inputs: int
    corpus: int
    coverage: int
    peak_megabytes: int
    escapes: tuple[str, ...]

    @property
    def row(self) -> str:
        """Of a Markdown table."""
        numbers = (self.seconds, self.inputs, self.corpus, self.coverage, self.peak_megabytes, len(self.escapes))
        return f"| {self.reader} | {' | '.join(f'{number:,}' for number in numbers)} |"


def main() -> int:
    """Fuzz the readers that are asked for; a Markdown table of what came of it, on standard output."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each reader")
    parser.add_argument("--reader", action="append", default=[], help="only this one; may be given several times")
    parser.add_argument("--work", type=Path, default=_ROOT / "build" / "fuzz", help="where corpora and escapes go")
    parser.add_argument("--keep", action="store_true", help="take the corpora over into tests/fuzz/corpora")
    asked = parser.parse_args()
    # Not imported here: a process begins with the memory of the one that starts it counted as its own.
    listing = [sys.executable, "-m", "tests.fuzz.readers"]
    known = subprocess.run(listing, check=True, capture_output=True, text=True, env=_ENVIRONMENT).stdout.splitlines()
    if unknown := [name for name in asked.reader if name not in known]:
        parser.error(f"no reader {', '.join(map(repr, unknown))}; there are {', '.join(known)}")
    print("| reader | seconds | inputs | corpus | coverage | peak MB | escapes |\n|---|---|---|---|---|---|---|")
    found: list[str] = []
    for name in asked.reader or known:
        place = asked.work / file_name(name)
        tried = fuzz(name, place, seconds=asked.seconds)
        print(tried.row, flush=True)
        found += tried.escapes
        if asked.keep:
            keep_inputs(name, (file.read_bytes() for file in (place / "corpus").iterdir()))
    for escape in found:
        print(escape, file=sys.stderr)
    return 1 if found else 0


def fuzz(name: str, place: Path, *, seconds: int) -> Tried:
    """Fuzz one reader in a process of its own, whose log stays in `place`."""
    before = _escapes(place)
    place.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "tests.fuzz.one_reader", name, str(place), f"-max_total_time={seconds}"]
    log = place / "log.txt"
    with log.open("wb") as file:
        done = subprocess.run(
            command, stdout=file, stderr=file, check=False, env=_ENVIRONMENT, timeout=seconds + _MOST_SECONDS_MORE
        )
    said = log.read_text(errors="replace")
    escapes = [str(path) for path in _escapes(place) if path not in before]
    if done.returncode and not escapes:
        escapes.append(f"{log}: the fuzzer ended with {done.returncode}")
    return Tried(
        reader=name,
        seconds=_last(r"in (\d+) second", said),
        inputs=_last(r"^#(\d+)\t", said),
        corpus=_last(r" corp: (\d+)/", said),
        coverage=_last(r" cov: (\d+) ", said),
        peak_megabytes=_last(r"stat::peak_rss_mb:\s+(\d+)", said) or _last(r" rss: (\d+)Mb", said),
        escapes=tuple(escapes),
    )


def _escapes(place: Path) -> Sequence[Path]:
    folder = place / "escapes"
    return sorted(path for path in folder.iterdir() if path.suffix != ".txt") if folder.is_dir() else []


def _last(pattern: str, text: str) -> int:
    return int(next(reversed(re.findall(pattern, text, re.MULTILINE)), "0"))


if __name__ == "__main__":
    sys.exit(main())
