"""Text files that may come from strangers: regular ones alone, and no more of them than fits."""

from __future__ import annotations

from pathlib import Path

from ella_models.errors import EllaError

_LARGEST = 1 << 26  # bytes


def read_text(path: Path, *, most: int = _LARGEST) -> str:
    """All of a UTF-8 file.

    Raises EllaError if it is a folder, a pipe or a device, or has more than `most` bytes, 64 MiB; OSError if it can't
    be read, UnicodeDecodeError if it is no UTF-8.
    """
    status = path.stat()
    if not path.is_file():
        raise EllaError(f"'{path}' is no file but a folder, a pipe or a device.")
    if status.st_size > most:
        raise EllaError(f"'{path}' has {status.st_size} bytes, more than the {most} that are read of such a file.")
    return path.read_text(encoding="utf-8")
