"""`python -m tests.fuzz.one_group GROUP SECONDS WORK READER…`: fuzz readers of one group in turn, guided by coverage.

What they read with is imported once; each reader is fuzzed in a child process, whose log stays beside its corpus.
"""

from __future__ import annotations

import hashlib
import os
import re
import resource
import sys
import tempfile
import traceback
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import atheris

from tests.fuzz.corpora import file_name, kept_inputs
from tests.fuzz.reader import Reader
from tests.fuzz.readers import readers

_MORE_MEMORY = 1 << 30  # bytes of address space above what the libraries take: whoever asks for more gets a MemoryError
_SECONDS_OF_AN_INPUT = 20


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
    """Fuzz them; a row of a table for each on standard output, escapes on standard error."""
    group, seconds, work, *asked = sys.argv[1:]
    warnings.simplefilter("ignore")
    escaped = False
    with tempfile.TemporaryDirectory() as folder:
        with atheris.instrument_imports(include=["dpg_bench", "ella_models"]):
            known = readers(group, Path(folder))
        for name in asked:
            tried = fuzz(name, known[name], Path(folder), Path(work) / file_name(name), seconds=int(seconds))
            print(tried.row, flush=True)
            print(*tried.escapes, sep="\n", end="\n" if tried.escapes else "", file=sys.stderr)
            escaped = escaped or bool(tried.escapes)
    return int(escaped)


def fuzz(name: str, reader: Reader, folder: Path, place: Path, *, seconds: int) -> Tried:
    """Fuzz one reader, whose files go into `folder`; corpus, escapes and log into `place`."""
    corpus, escapes, log = place / "corpus", place / "escapes", place / "log.txt"
    for made in (corpus, escapes):
        made.mkdir(parents=True, exist_ok=True)
    for content in (*reader.seeds, *kept_inputs(name)):
        (corpus / hashlib.sha1(content, usedforsecurity=False).hexdigest()).write_bytes(content)  # as libFuzzer does
    before = _inputs(escapes)
    child = os.fork()
    if not child:
        with log.open("wb") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        _fuzz_here(reader, folder / reader.name, corpus, escapes, seconds)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    said = log.read_text(errors="replace")
    found = [str(path) for path in _inputs(escapes) if path not in before]
    if status and not found:
        found.append(f"{log}: the fuzzer ended with {status}")
    return Tried(
        reader=name,
        seconds=_last(r"in (\d+) second", said),
        inputs=_last(r"^#(\d+)\t", said),
        corpus=_last(r" corp: (\d+)/", said),
        coverage=_last(r" cov: (\d+) ", said),
        peak_megabytes=_last(r"stat::peak_rss_mb:\s+(\d+)", said),
        escapes=tuple(found),
    )


def _fuzz_here(reader: Reader, file: Path, corpus: Path, escapes: Path, seconds: int) -> None:
    """Until the time is over, which ends the process."""
    from dpg_bench.errors import DpgBenchError

    clear: tuple[type[BaseException], ...] = (DpgBenchError, KeyboardInterrupt)
    if "ella_models" in sys.modules:  # the first groups' readers know nothing of it
        from ella_models.errors import EllaError

        clear = (*clear, EllaError)

    def one(content: bytes) -> None:
        file.write_bytes(content)
        try:
            reader.read(file)
        except clear:
            return
        except BaseException as error:  # noqa: BLE001 - what the fuzzer is for; Rust's panics are no Exception
            _keep(escapes, content, error)

    _bound_memory()
    bounds = [f"-timeout={_SECONDS_OF_AN_INPUT}", "-rss_limit_mb=0", f"-artifact_prefix={escapes}/"]
    options = [f"-max_total_time={seconds}", "-print_final_stats=1"]
    atheris.Setup([sys.argv[0], str(corpus), *bounds, *options], one)
    atheris.Fuzz()


def _keep(escapes: Path, content: bytes, error: BaseException) -> None:
    """Write the input that escaped, and the traceback beside it, once for each place in the code."""
    frames = traceback.extract_tb(error.__traceback__)[1:]
    where = f"{type(error).__name__} {[(frame.filename, frame.lineno) for frame in frames[-4:]]}"
    kept = escapes / f"{type(error).__name__}-{hashlib.sha256(where.encode()).hexdigest()[:12]}"
    if not kept.exists():
        kept.write_bytes(content)
        kept.with_suffix(".txt").write_text("".join(traceback.format_exception(error)), errors="backslashreplace")


def _bound_memory() -> None:
    size = Path("/proc/self/statm")
    if size.exists():
        limit = int(size.read_text().split()[0]) * resource.getpagesize() + _MORE_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


def _inputs(escapes: Path) -> Sequence[Path]:
    return sorted(path for path in escapes.iterdir() if path.suffix != ".txt")


def _last(pattern: str, text: str) -> int:
    return int(next(reversed(re.findall(pattern, text, re.MULTILINE)), "0"))


if __name__ == "__main__":
    sys.exit(main())
