"""Files that survive a crash: whole files appear at once or not at all, and logs lose at most their last line."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Self

from dpg_bench.errors import BadInputError


def write_atomic(path: Path, content: bytes) -> None:
    """Write `content` beside `path`, flush it to disk, then rename it into place.

    Raises OSError (disk full, no permission); `path` then is as it was, and nothing is left beside it.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".part")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o644)
        Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise


def write_json(path: Path, content: Any) -> None:
    """`write_atomic` of `content` as indented UTF-8 JSON. NaN is refused: an unknown number is null."""
    write_atomic(path, (json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode())


def read_jsonl(path: Path) -> Iterator[dict[str, Any]]:
    """The records of an append-only log, in order; none if the file doesn't exist.

    A last line without its newline was torn by a crash and is left out. Raises BadInputError for any other
    line that is no JSON object, with file and line number.
    """
    if not path.exists():
        return
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return
            try:
                record = json.loads(line)
            except ValueError:
                record = None
            if not isinstance(record, dict):
                raise BadInputError(
                    f"{path}, line {number} is damaged: it is no JSON object. Delete that line to have it made again."
                )
            yield record


class JsonlLog:
    """An append-only log: one JSON object a line, flushed record by record. A context manager.

    Opening it cuts off a torn last line, so that the next record starts on a line of its own.
    """

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._file: IO[bytes] = path.open("ab")
        self._drop_torn_line()

    def append(self, *records: Mapping[str, Any]) -> None:
        """Write `records` with one flush, so that they are there together after a crash of this process."""
        lines = [json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n" for record in records]
        self._file.write("".join(lines).encode())
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
