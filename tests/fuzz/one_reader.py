"""`python -m tests.fuzz.one_reader READER FOLDER [libFuzzer's options]`: fuzz one reader, guided by coverage.

The folder holds the `corpus`, and under `escapes` every input that ended in anything but a clear error, once for each
place in the code, with the traceback beside it.
"""

from __future__ import annotations

import hashlib
import resource
import sys
import tempfile
import traceback
import warnings
from pathlib import Path

import atheris

from tests.fuzz.corpora import kept_inputs
from tests.fuzz.readers import find_reader

_MORE_MEMORY = 1 << 30  # bytes of address space above what the libraries take: whoever asks for more gets a MemoryError
_SECONDS_OF_AN_INPUT = 20


def main() -> None:
    """Fuzz until told to stop."""
    name, folder, *options = sys.argv[1:]
    corpus, escapes = Path(folder) / "corpus", Path(folder) / "escapes"
    for made in (corpus, escapes):
        made.mkdir(parents=True, exist_ok=True)
    warnings.simplefilter("ignore")
    place = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))  # noqa: S108 - nothing is kept
    with atheris.instrument_imports(include=["dpg_bench", "ella_models"]):
        reader = find_reader(name, place)
        from dpg_bench.errors import DpgBenchError
    clear = [DpgBenchError, KeyboardInterrupt]
    if "ella_models" in sys.modules:  # which imports torch
        from ella_models.errors import EllaError

        clear.append(EllaError)
    file = place / reader.name
    for content in (*reader.seeds, *kept_inputs(name)):
        (corpus / hashlib.sha1(content, usedforsecurity=False).hexdigest()).write_bytes(content)  # as libFuzzer does

    def one(content: bytes) -> None:
        file.write_bytes(content)
        try:
            reader.read(file)
        except tuple(clear):
            return
        except BaseException as error:  # noqa: BLE001 - what the fuzzer is for; Rust's panics are no Exception
            _keep(escapes, content, error)

    _bound_memory()
    bounds = [f"-timeout={_SECONDS_OF_AN_INPUT}", "-rss_limit_mb=0", f"-artifact_prefix={escapes}/"]
    atheris.Setup([sys.argv[0], str(corpus), *bounds, "-print_final_stats=1", *options], one)
    atheris.Fuzz()


def _keep(escapes: Path, content: bytes, error: BaseException) -> None:
    frames = traceback.extract_tb(error.__traceback__)[1:]
    where = f"{type(error).__name__} {[(frame.filename, frame.lineno) for frame in frames[-4:]]}"
    kept = escapes / f"{type(error).__name__}-{hashlib.sha256(where.encode()).hexdigest()[:12]}"
    if not kept.exists():
        kept.write_bytes(content)
        kept.with_suffix(".txt").write_text("".join(traceback.format_exception(error)), errors="backslashreplace")


def _bound_memory() -> None:
    pages = int(Path("/proc/self/statm").read_text().split()[0]) if Path("/proc/self/statm").exists() else None
    if pages is not None:
        limit = pages * resource.getpagesize() + _MORE_MEMORY
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))


if __name__ == "__main__":
    main()
