"""`python -m tests.fuzz READER FOLDER [libFuzzer's options]`: fuzz one reader, guided by coverage (needs `fuzz`)."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["dpg_bench", "ella_models"]):
    from tests.fuzz.readers import readers

from dpg_bench.errors import DpgBenchError
from ella_models.errors import EllaError


def main() -> None:
    """Fuzz until told to stop; the corpus of interesting inputs is kept in the folder."""
    name, corpus, *options = sys.argv[1:]
    place = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else None))  # noqa: S108 - nothing is kept
    reader = readers(place)[name]
    Path(corpus).mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(reader.seeds):
        (Path(corpus) / f"seed{number}").write_bytes(seed)
    file = place / reader.name

    def one(content: bytes) -> None:
        file.write_bytes(content)
        try:
            reader.read(file)
        except (DpgBenchError, EllaError):
            return

    atheris.Setup([sys.argv[0], corpus, "-rss_limit_mb=2048", "-timeout=20", *options], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
