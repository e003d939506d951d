"""Digests by which a result knows what it was made from."""

from __future__ import annotations

import errno
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

_THREADS = 4  # hashing lets other threads run; more than a few only make a disk seek


def file_digest(path: Path) -> str:
    """SHA-256 (hex) of a file. Raises OSError if it can't be read, or is a pipe or a device without end."""
    if path.exists() and not path.is_file():
        raise OSError(errno.EINVAL, "no regular file", str(path))
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_digests(paths: Iterable[Path]) -> Mapping[Path, str]:
    """SHA-256 (hex) of many files; those that can't be read are left out."""

    def digest(path: Path) -> str | None:
        try:
            return file_digest(path)
        except OSError:
            return None

    every = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(_THREADS) as pool:
        found = zip(every, pool.map(digest, every), strict=True)
        return {path: one for path, one in found if one is not None}


def items_digest(items: Sequence[str] | None) -> str:
    """SHA-256 (hex) of a list of item ids, whatever their order; None stands for a whole suite."""
    content = None if items is None else sorted(items)
    return hashlib.sha256(json.dumps(content, separators=(",", ":")).encode()).hexdigest()
