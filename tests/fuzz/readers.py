"""Every reader of files from strangers, with files that it takes, for the fuzzer to begin with.

`python -m tests.fuzz.readers` lists their names.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from tests.fuzz.reader import Reader

# The first two import no torch, so that fuzzing one of theirs begins at once.
GROUPS = ("file_readers", "server_readers", "model_readers", "training_readers")


def readers(folder: Path) -> Mapping[str, Reader]:
    """All of them; `folder` is for what they need beside the file."""
    return {name: reader for group in GROUPS for name, reader in _of(group, folder).items()}


def find_reader(name: str, folder: Path) -> Reader:
    """One of them, without the groups behind its own."""
    return next(found[name] for group in GROUPS if name in (found := _of(group, folder)))


def _of(group: str, folder: Path) -> Mapping[str, Reader]:
    found: Mapping[str, Reader] = import_module(f"tests.fuzz.{group}").readers(folder)
    return found


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as place:
        print(*readers(Path(place)), sep="\n")
