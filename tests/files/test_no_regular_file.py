"""A pipe or a device in place of a file is refused by name, and never waited for or read until memory ends."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.files.answer_lines import read_answer_lines
from dpg_bench.files.contents import file_digests
from dpg_bench.files.durable import read_jsonl
from dpg_bench.files.kept_suite import read_kept_suite
from dpg_bench.files.reading import read_content
from dpg_bench.files.run_record import read_run_record
from dpg_bench.score.scorecard import read_scorecard
from dpg_bench.suite.registry import load_suite

READERS: list[Callable[[Path], object]] = [
    read_content,
    read_run_record,
    read_scorecard,
    lambda path: list(read_jsonl(path)),
    lambda path: list(read_answer_lines(path)),
    lambda path: read_kept_suite(path, name="", source="", digest=""),
    lambda path: load_suite(str(path)),
]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["pipe", "endless"])
def test_what_never_ends_is_refused_by_name(tmp_path: Path, reader: Callable[[Path], object], kind: str) -> None:
    path = tmp_path / "odd.csv"
    if kind == "pipe":
        os.mkfifo(path)
    else:
        path.symlink_to("/dev/zero")
    with pytest.raises(BadInputError, match=r"odd\.csv is no file"):
        reader(path)


def test_what_never_ends_has_no_digest(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a")
    (tmp_path / "b").symlink_to("/dev/zero")
    (tmp_path / "c").write_bytes(b"c")
    assert list(file_digests(tmp_path / name for name in "abc")) == [tmp_path / "c"]
