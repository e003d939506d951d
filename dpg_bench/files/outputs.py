"""Result files that a user names: never replaced silently."""

from __future__ import annotations

import filecmp
from collections.abc import Mapping
from pathlib import Path

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.durable import disk_errors, write_atomic

_ELSEWHERE = "Name another place."


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
    with disk_errors(path, elsewhere=_ELSEWHERE):
        target = path.resolve()
        if target.exists() and not target.is_file() and not target.is_dir():
            with target.open("wb") as stream:
                stream.write(content)
            return
        if target.is_file() and target.read_bytes() == content:
            return
        check_output(target, force=force)
        write_atomic(target, content)


def write_outputs(contents: Mapping[Path, bytes | Path], *, force: bool) -> None:
    """Write several files that belong together, a Path as a copy of that file; if one is refused, none is written.

    Raises what `write_output` raises.
    """
    changed = {path: content for path, content in contents.items() if not _holds(path, content)}
    for path in changed:
        if path.is_dir():
            raise BadInputError(f"{path} is a folder, and a file of that name would be written. Name another place.")
        if path.exists() and not force:
            raise BadInputError(
                f"{path} is there already with other content. Replace it with {option('force', True)}, or name another "
                "place."
            )
    for path, content in changed.items():
        write_output(path, content.read_bytes() if isinstance(content, Path) else content, force=force)


def _holds(path: Path, content: bytes | Path) -> bool:
    if not path.is_file():
        return False
    with disk_errors(path, elsewhere=_ELSEWHERE):
        if isinstance(content, Path):
            return filecmp.cmp(path, content, shallow=False)
        return path.read_bytes() == content
