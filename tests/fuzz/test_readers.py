"""No reader of strangers' files ends in anything but a clear error, whatever the file holds."""

from __future__ import annotations

import random
import re
import warnings
from pathlib import Path

import pytest

from dpg_bench.errors import DpgBenchError
from ella_models.errors import EllaError
from tests.fuzz.corpora import kept_inputs
from tests.fuzz.reader import Reader
from tests.fuzz.readers import GROUPS, names, readers

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
    b"<think>" * 30_000,
    b"1 | a" + b" " * 200_000 + b"b",
    "\u202e\x1b[2J=1+1".encode(),
)
_NUMBERS = (b"1" + b"0" * 400, b"1e999", b"-1", b"99999999999", b"null", b"[]", b"{}", b"true", b"1.5", b'"a"')
_TEXTS = (b"\\ud800", b"\\u0000", b"../../x", b"x" * 300)


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


def other_values(seed: bytes, rng: random.Random, most: int) -> list[bytes]:
    """`seed` with odd values in the place of one of its values, or odd characters in one of its texts."""
    values = re.finditer(rb'-?\d+(\.\d+)?|true|false|null|"[^"]*"|\[\]|\{\}', seed)
    made = [seed[: found.start()] + new + seed[found.end() :] for found in values for new in _NUMBERS]
    quotes = re.finditer(rb'"', seed)
    made += [seed[: found.end()] + new + seed[found.end() :] for found in quotes for new in _TEXTS]
    return rng.sample(made, min(most, len(made)))


@pytest.fixture(scope="module")
def every(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Reader]]:
    folder = tmp_path_factory.mktemp("fuzz")
    return folder, {name: reader for group in GROUPS for name, reader in readers(group, folder).items()}


NAMES = [name for group in GROUPS for name in names(group)]


def test_every_reader_is_tried(every: tuple[Path, dict[str, Reader]]) -> None:
    assert set(NAMES) == set(every[1])


@pytest.mark.parametrize("name", NAMES)
def test_hostile_and_mutated_files_are_read_or_refused(name: str, every: tuple[Path, dict[str, Reader]]) -> None:
    folder, known = every
    reader, rng = known[name], random.Random(name)
    file = folder / reader.name
    for seed in reader.seeds:
        file.write_bytes(seed)
        reader.read(file)
    tried = [*_HOSTILE, *kept_inputs(name), *(mutated(rng.choice(reader.seeds), rng) for _ in range(30))]
    for content in (*tried, *other_values(reader.seeds[0], rng, 60)):
        file.write_bytes(content)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                reader.read(file)
        except (DpgBenchError, EllaError):
            continue
    file.write_bytes(reader.seeds[0])
