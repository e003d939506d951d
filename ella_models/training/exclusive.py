"""One process at a time works in a folder; a second one is told which."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from ella_models.errors import EllaError
from ella_models.training.files import whole_file


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Hold `folder`, which is made if needed, for the length of the block; the system lets go of it after a crash.

    Raises EllaError that names the process which holds it, or for a lock that is no file.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with _locked(folder / ".lock", folder, "folder"):
        yield


@contextmanager
def alone_with(file: Path) -> Iterator[None]:
    """Hold `file`, there or not, as `alone_in` holds a folder.

    Raises EllaError that names the process which holds it.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    with _locked(file.with_name(f".{file.name}.lock"), file, "file"):
        yield


@contextmanager
def _locked(place: Path, what: Path, kind: str) -> Iterator[None]:
    if place.is_symlink() or place.is_dir():
        raise EllaError(f"'{place}' is no file of its own but a link or a folder. Remove it, and run again.")
    lock, holder = FileLock(place), place.with_name(f"{place.name}.holder")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        raise EllaError(
            f"'{what}' is in use by another process{_named(holder)}. Wait until it ends, or name another {kind}."
        ) from None
    try:
        with whole_file(holder) as unfinished:
            unfinished.write_text(f"{os.getpid()} on {socket.gethostname()}\n", encoding="utf-8")
        yield
    finally:
        holder.unlink(missing_ok=True)
        lock.release()


def _named(holder: Path) -> str:
    """Which one it says it is, if it has come to say it."""
    try:
        return f" ({holder.read_text(encoding='utf-8').strip()[:200]})"
    except (OSError, ValueError):
        return ""
