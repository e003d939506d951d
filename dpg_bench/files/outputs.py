"""Result files that a user names: never replaced silently."""

from __future__ import annotations

from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import write_atomic
from dpg_bench.files.run_folder import disk_errors


def write_output(path: Path, content: bytes, *, force: bool) -> None:
    """Write a whole file; one that is there with other content is replaced only with `force`.

    Raises BadInputError if it is a folder, is there and would change, or can't be written, and DpgBenchError if the
    disk is full.
    """
    with disk_errors(path):
        if path.is_dir():
            raise BadInputError(f"{path} is a folder. Name a file.")
        if path.exists():
            if path.is_file() and path.read_bytes() == content:
                return
            if not force:
                raise BadInputError(f"{path} is there already. Replace it with --force, or name another file.")
        write_atomic(path, content)
