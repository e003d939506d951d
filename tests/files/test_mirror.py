"""A folder and its copy behind a URL, as the work goes on."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from dpg_bench.files.mirror import Mirror

memory = pytest.importorskip("fsspec.implementations.memory")


def test_what_is_deleted_while_the_rest_is_written_is_deleted_there_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "judgements" / "mplug"
    place.mkdir(parents=True)
    for name in ("answers.jsonl", "failures.jsonl"):
        (place / name).write_text(name, encoding="utf-8")
    mirror = Mirror("memory://deleted-meanwhile/run", tmp_path)
    mirror.push()
    (place / "answers.jsonl").write_text("one more", encoding="utf-8")
    (place / "failures.jsonl").write_text("and one here", encoding="utf-8")
    write = memory.MemoryFileSystem.pipe_file

    def write_slowly(self: Any, path: str, value: bytes, **more: Any) -> None:
        (place / "failures.jsonl").unlink(missing_ok=True)  # by the thread that judges
        write(self, path, value, **more)

    monkeypatch.setattr(memory.MemoryFileSystem, "pipe_file", write_slowly)
    mirror.push()
    mirror.push()
    there = memory.MemoryFileSystem().find("/deleted-meanwhile/run/judgements")
    assert there == ["/deleted-meanwhile/run/judgements/mplug/answers.jsonl"]
    assert memory.MemoryFileSystem().cat_file(there[0]) == b"one more"
