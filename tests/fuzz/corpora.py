"""The inputs that fuzzing found worth keeping: one archive a reader, so that each new campaign begins with them."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Iterable
from pathlib import Path

_KEPT = Path(__file__).parent / "corpora"
_LONGEST = 4096  # bytes of an input that is kept
_MOST = 25_000  # bytes of a reader's archive
_LONG_AGO = (1980, 1, 1, 0, 0, 0)


def file_name(reader: str) -> str:
    """`suite-csv` of the reader "suite, CSV"."""
    return re.sub(r"[^a-z0-9]+", "-", reader.lower()).strip("-")


def kept_inputs(reader: str) -> list[bytes]:
    """The inputs kept of a reader, none where nothing is."""
    archive = _KEPT / f"{file_name(reader)}.zip"
    if not archive.is_file():
        return []
    with zipfile.ZipFile(archive) as file:
        return [file.read(name) for name in file.namelist()]


def keep_inputs(reader: str, inputs: Iterable[bytes]) -> int:
    """Write a reader's archive anew: short inputs, the shortest first, as far as there is room; returns how many."""
    _KEPT.mkdir(exist_ok=True)
    archive = _KEPT / f"{file_name(reader)}.zip"
    count = 0
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as file:
        for content in sorted({one for one in inputs if len(one) <= _LONGEST}, key=lambda one: (len(one), one)):
            if archive.stat().st_size + len(content) + 200 * count > _MOST:
                break
            file.writestr(zipfile.ZipInfo(f"{count:04}", _LONG_AGO), content, zipfile.ZIP_DEFLATED)
            count += 1
    return count
