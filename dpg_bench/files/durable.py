"""Files that survive a crash: whole files appear at once or not at all, and logs lose at most their last line."""

from __future__ import annotations

import errno
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, Self

from dpg_bench.errors import BadInputError, DpgBenchError, option

_PART = ".part"
_LONGEST_LINE = 1 << 26  # bytes; a line of ours has some hundred, or a traceback
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_NOT_HERE = (
    errno.EACCES,
    errno.EPERM,
    errno.EROFS,
    errno.ENOTDIR,
    errno.EEXIST,
    errno.ENOENT,
)
_IN_THE_WAY = {errno.EISDIR: "a folder", errno.ELOOP: "a link"}


_held: dict[Path, tuple[int, int]] = {}
"""The lock files that this process holds, by whole path, with device and inode."""


@contextmanager
def held(lock: Path) -> Iterator[None]:
    """For as long as this process holds `lock`, nothing is written into a folder that came in place of the lock's."""
    place = lock.parent.resolve() / lock.name
    outer, identity = place in _held, _identity(lock)
    if identity is not None and not outer:
        _held[place] = identity
    try:
        yield
    finally:
        if not outer:
            _held.pop(place, None)


def check_still_held(path: Path) -> None:
    """Raises OSError if `path` lies in a folder that this process held and somebody moved or deleted meanwhile."""
    place = path.parent.resolve() / path.name
    for lock, held_as in _held.items():
        if place.is_relative_to(lock.parent) and _identity(lock) != held_as:
            what = "the folder was moved or deleted while this was at work in it"
            raise OSError(errno.ESTALE, what, str(lock.parent))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


def write_atomic(path: Path, content: bytes) -> None:
    """Write `content` beside `path`, flush it to disk, then rename it into place.

    Raises OSError (disk full, no permission, a folder that is no longer the one that was locked); `path` then is as it
    was, and nothing is left beside it.
    """
    check_still_held(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}{_PART}")
    try:
        with temporary.open("xb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Any) -> None:
    """`write_atomic` of `content` as indented UTF-8 JSON. NaN is refused: an unknown number is null."""
    write_atomic(path, _encoded(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n"))


def write_jsonl(path: Path, records: Iterable[Mapping[str, Any]]) -> None:
    """`write_atomic` of a whole log at once, as `JsonlLog` would have written it."""
    write_atomic(path, _encoded("".join(map(_line, records))))


def clear_parts(*folders: Path) -> None:
    """Delete what a killed `write_atomic` left in `folders`. For whoever holds their lock: nobody writes there now."""
    for folder in folders:
        for file in folder.glob(f".*{_PART}"):
            if file.is_file():
                file.unlink(missing_ok=True)


def read_lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """The lines of an append-only log with their numbers, from 1; none if the file doesn't exist.

    A last line without its newline was torn by a crash and is left out. Raises BadInputError if the file can't be
    read, or is no file but a folder, a pipe or a device.
    """
    try:
        if not path.exists():
            return
        if not path.is_file():
            raise BadInputError(f"{path} is no file. Remove it, and run again.")
        with path.open("rb") as file:
            for number, line in enumerate(iter(lambda: file.readline(_LONGEST_LINE), b""), start=1):
                if line.endswith(b"\n"):
                    yield number, line
                elif len(line) == _LONGEST_LINE:
                    raise BadInputError(
                        f"{path}, line {number} has more than {_LONGEST_LINE} bytes, as none of ours has."
                    )
    except OSError as error:
        raise BadInputError(f"{path} can't be read: {error.strerror or error}.") from None


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The records of an append-only log, in order, as `read_lines` reads them.

    Raises BadInputError for a line that is no JSON object, with file and line number.
    """
    for number, line in read_lines(path):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            raise BadInputError(
                f"{path}, line {number} is damaged: it is no JSON object. Delete that line to have it made again."
            )
        yield record


class JsonlLog:
    """An append-only log: one JSON object a line, flushed record by record. A context manager.

    Opening it cuts off a torn last line, so that the next record starts on a line of its own.

    Raises BadInputError if `path` is a link: what it points to isn't ours to cut.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.is_symlink() or (path.exists() and not path.is_file()):
            raise BadInputError(f"{path} is no file of its own but a link or a folder. Remove it, and run again.")
        self._path = path
        self._file: IO[bytes] = path.open("ab")
        self._drop_torn_line()

    def append(self, *records: Mapping[str, Any]) -> None:
        """Write `records` with one flush, so that they are there together after a crash of this process.

        Raises OSError if they can't be written, or if the folder is no longer the one that was locked.
        """
        check_still_held(self._path)
        self._file.write(_encoded("".join(map(_line, records))))
        self._file.flush()

    def close(self) -> None:
        """Close the file; nothing can be appended any more."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _drop_torn_line(self) -> None:
        with self._path.open("rb") as file:
            content_length = file.seek(0, os.SEEK_END)
            keep = content_length
            while keep > 0:
                start = max(0, keep - 65536)
                file.seek(start)
                newline = file.read(keep - start).rfind(b"\n")
                if newline >= 0:
                    keep = start + newline + 1
                    break
                keep = start
        if keep < content_length:
            self._file.truncate(keep)


def _line(record: Mapping[str, Any]) -> str:
    return json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n"


def _encoded(text: str) -> bytes:
    """JSON text as UTF-8; half a character, as a server's JSON may name one, stays the escape that it was."""
    return text.encode("utf-8", "backslashreplace")


@contextmanager
def disk_errors(path: Path, *, elsewhere: str = f"Choose another folder with {option('out')}.") -> Iterator[None]:
    """Turns whatever the system says about a write below `path` into one clear DpgBenchError.

    `elsewhere` is what to do where nothing can be written in that place.
    """
    try:
        yield
    except OSError as error:
        what = error.strerror or str(error)
        if error.errno in _FULL:
            raise DpgBenchError(
                f"The disk is full: {path} can't be written ({what}). What was finished is kept; "
                "free some space and run the same command again to continue."
            ) from error
        if error.errno in _NOT_HERE:
            raise BadInputError(f"{path} can't be written: {what}. {elsewhere}") from error
        if error.errno in _IN_THE_WAY:
            file = error.filename2 or error.filename or path  # of a renaming, what it was to become
            raise BadInputError(
                f"{file} can't be written: {_IN_THE_WAY[error.errno]} lies in its place. Move that away, or "
                f"{elsewhere[0].lower()}{elsewhere[1:]}"
            ) from error
        raise DpgBenchError(
            f"{path} can't be written or read: {what}. What was finished is kept; the same command continues."
        ) from error
