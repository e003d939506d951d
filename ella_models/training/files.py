"""Files that appear whole or not at all."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ella_models.errors import EllaError
from ella_models.reading import read_text

_HALF_CHARACTERS = "backslashreplace"  # as a server's JSON may name one: it stays the escape that it was


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """A path beside `path` to write to, which is renamed into place when the block ends without an error.

    Raises EllaError if a folder lies there.
    """
    if path.is_dir():
        raise EllaError(f"'{path}' can't be written: a folder lies in its place. Move that away, and run again.")
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        yield unfinished
        with unfinished.open("rb") as file:
            os.fsync(file.fileno())
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def clear_unfinished(folder: Path) -> None:
    """Delete what a killed process left half-written right in `folder`; for whoever is alone at work there."""
    for path in folder.glob(".*.part"):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def write_json(path: Path, content: Any) -> None:
    """`content` as indented UTF-8 JSON, whole or not at all; NaN is refused."""
    with whole_file(path) as unfinished:
        text = json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
        unfinished.write_text(text + "\n", encoding="utf-8", errors=_HALF_CHARACTERS)


def read_json(path: Path) -> dict[str, Any]:
    """The object in a file that `write_json` wrote.

    Raises EllaError if the file holds something else.
    """
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise EllaError(f"'{path}' is damaged: {error}.") from error
    if not isinstance(content, dict):
        raise EllaError(f"'{path}' is damaged: it holds no object.")
    return content


def append_line(path: Path, record: Mapping[str, Any]) -> None:
    """Add a record to a log of one JSON object a line.

    Raises EllaError if `path` is a link: what it points to isn't ours to write to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    _check_own(path)
    with path.open("a", encoding="utf-8", errors=_HALF_CHARACTERS) as file:
        file.write(json.dumps(record, ensure_ascii=False, allow_nan=False) + "\n")


def read_lines(path: Path, **needed: type) -> list[dict[str, Any]]:
    """The records of a log; a last line that a crash tore is left out. `needed` are entries that each has, by type.

    Raises EllaError for any other line that is no object, or lacks one of these, with its number.
    """
    if not path.is_file():
        return []
    records = []
    for number, line in enumerate(path.read_bytes().split(b"\n")[:-1], start=1):
        try:
            record = json.loads(line)
        except (ValueError, RecursionError):
            record = None
        if not isinstance(record, dict):
            raise EllaError(f"'{path}', line {number} is damaged: it holds no object. Delete that line.")
        for name, kind in needed.items():
            if not isinstance(record.get(name), kind):
                raise EllaError(f"'{path}', line {number} is damaged at '{name}'. Delete that line.")
        records.append(record)
    return records


def mend_log(path: Path) -> None:
    """Cut off a last line that a crash tore, so that the next record starts on a line of its own.

    Raises EllaError if `path` is a link, or no file.
    """
    _check_own(path)
    if path.is_file():
        content = path.read_bytes()
        if content and not content.endswith(b"\n"):
            with path.open("r+b") as file:
                file.truncate(content.rfind(b"\n") + 1)


def _check_own(path: Path) -> None:
    if path.is_symlink() or (path.exists() and not path.is_file()):
        raise EllaError(f"'{path}' is no file of its own but a link or a folder. Remove it, and run again.")
