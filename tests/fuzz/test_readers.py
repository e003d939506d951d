"""No reader of strangers' files ends in anything but a clear error, whatever the file holds."""

from __future__ import annotations

import importlib.util
import random
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from dpg_bench.errors import DpgBenchError
from ella_models.errors import EllaError
from tests.fuzz.readers import Reader, readers

_HOSTILE = (
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"1" * 5000,
    b"NaN",
    b'{"schema": NaN, "a": 1e999, "a": 2}',
    b"\0" * 100,
    b"\xff\xfe",
    b"\xff\xfe\0\xd8",
    b"\x89PNG\r\n\x1a\n\0\0\0\0IHDR",
    b"\n".join([b"a: &a [x]", *(b"b%d: &b%d [*a, *a]" % (n, n) for n in range(700))]),
    b"2024-99-99",
    b'"' + b"a" * 200_000,
    b",".join(b"a%d" % n for n in range(20_000)),
    b'{"seeds": ' + b"9" * 5000 + b"}\n",
    "\u202e\x1b[2J=1+1".encode(),
)


def mutated(seed: bytes, rng: random.Random) -> bytes:
    """`seed` with a few bytes flipped, cut, doubled, or put in from what often goes wrong."""
    content = bytearray(seed)
    for _ in range(rng.randint(1, 4)):
        at, end = sorted(rng.choices(range(len(content) + 1), k=2))
        new = rng.choice(
            (b"", bytes(content[at:end]) * 2, rng.randbytes(3), b"-1", b"1e400", b"null", b"[[]]", b'"\\u0000"')
        )
        if rng.random() < 0.5 and at < len(content):
            content[at] ^= 1 << rng.randrange(8)
        else:
            content[at : min(end, at + 20)] = new
    return bytes(content)


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Reader]:
    return dict(readers(tmp_path_factory.mktemp("fuzz")))


NAMES = re.findall(r'^        "([^"]+)": Reader\(', (Path(__file__).parent / "readers.py").read_text(), re.MULTILINE)


@pytest.mark.parametrize("name", NAMES)
def test_hostile_and_mutated_files_are_read_or_refused(name: str, every: dict[str, Reader], tmp_path: Path) -> None:
    reader, rng = every[name], random.Random(name)
    file = tmp_path / reader.name
    for content in [*_HOSTILE, *reader.seeds, *(mutated(rng.choice(reader.seeds), rng) for _ in range(40))]:
        file.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reader.read(file)
        except (DpgBenchError, EllaError):
            continue


def test_every_reader_is_tried(every: dict[str, Reader]) -> None:
    assert set(NAMES) == set(every)


@pytest.mark.nightly
@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="needs the extra fuzz")
@pytest.mark.parametrize("name", NAMES)
def test_a_minute_of_fuzzing_finds_no_escape(name: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "tests.fuzz", name, str(tmp_path / "corpus"), "-max_total_time=60"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parents[2])
    tried = re.findall(r"#(\d+)\s+DONE|Done (\d+) runs", done.stderr)
    print(f"{name}: {max((int(a or b) for a, b in tried), default=0)} inputs")
    assert done.returncode == 0, done.stderr[-3000:]
