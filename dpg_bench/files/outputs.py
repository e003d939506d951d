"""Result files that a user names: never replaced silently."""

from __future__ import annotations

from pathlib import Path

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.durable import disk_errors, write_atomic


def check_output(path: Path, *, force: bool) -> None:
    """Raises BadInputError if `path` is a folder, or a file that `write_output` might have to refuse to replace.

    For before the work: afterwards it would be lost.
    """
    if path.is_dir():
        raise BadInputError(f"{path} is a folder. Name a file.")
    if path.is_file() and not force:
        raise BadInputError(f"{path} is there already. Replace it with {option('force', True)}, or name another file.")


def write_output(path: Path, content: bytes, *, force: bool) -> None:
    """Write a whole file; one that is there with other content is replaced only with `force`.

    A link stays one, and what it points to is written. A device or a pipe is written to as it is.

    Raises BadInputError if it is a folder, is there and would change, or can't be written, and DpgBenchError if the
    disk is full.
    """
    with disk_errors(path):
        target = path.resolve()
        if target.exists() and not target.is_file() and not target.is_dir():
            with target.open("wb") as stream:
                stream.write(content)
            return
        if target.is_file() and target.read_bytes() == content:
            return
        check_output(target, force=force)
        write_atomic(target, content)
