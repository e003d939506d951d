"""Files that survive a crash."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import JsonlLog, read_jsonl, write_atomic, write_json


def test_a_write_that_fails_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.json"
    write_atomic(path, b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, b"new")
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


def test_json_with_nan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(tmp_path / "x.json", {"score": float("nan")})
    assert list(tmp_path.iterdir()) == []


RECORDS = [{"item_id": "café", "n": 1}, {"item_id": "b", "text": "line\nbreak \u2028"}, {"item_id": "c", "x": None}]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(cut=st.integers(0, 200))
def test_a_torn_log_loses_its_last_line_and_goes_on(cut: int, tmp_path_factory: pytest.TempPathFactory) -> None:
    path = tmp_path_factory.mktemp("log") / "log.jsonl"
    with JsonlLog(path) as log:
        log.append(*RECORDS)
    whole = path.read_bytes()
    path.write_bytes(whole[:cut])
    kept = list(read_jsonl(path))
    assert kept == RECORDS[: whole[:cut].count(b"\n")]
    with JsonlLog(path) as log:
        log.append({"item_id": "d"})
    assert list(read_jsonl(path)) == [*kept, {"item_id": "d"}]


def test_records_are_on_disk_as_soon_as_they_are_appended(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    with JsonlLog(path) as log:
        log.append(RECORDS[0])
        assert list(read_jsonl(path)) == RECORDS[:1]


def test_a_damaged_line_in_the_middle_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text(json.dumps(RECORDS[0]) + "\nnonsense\n" + json.dumps(RECORDS[1]) + "\n")
    with pytest.raises(BadInputError, match=r"log.jsonl, line 2 is damaged"):
        list(read_jsonl(path))


def test_a_log_that_is_not_there_is_empty(tmp_path: Path) -> None:
    assert list(read_jsonl(tmp_path / "none.jsonl")) == []
