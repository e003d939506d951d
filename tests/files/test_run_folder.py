"""The run folder: its record, and that one process at a time writes to it."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dpg_bench.errors import BadInputError, DpgBenchError
from dpg_bench.files.run_folder import RunDir, _tell_of_marks, is_held, lock_folder, runs_in
from dpg_bench.files.run_record import RunRecord, SuiteRecord


def record(**changes: Any) -> RunRecord:
    values: dict[str, Any] = {
        "schema": 1,
        "dpg_bench": "0",
        "command": ["dpgbench"],
        "requested": {},
        "defaulted": {},
        "settings": {"model": "m", "size": 512, "images_per_prompt": 4},
        "fingerprint": "f",
        "suite": SuiteRecord(name="s", source="s.csv", digest="d", prompts=3),
        "generator": {},
        "packages": {},
        "device": {"batch_size": 8},
        "git_commit": None,
        "started": "2026-01-01T00:00:00+00:00",
    }
    return RunRecord(**{**values, **changes})


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    assert run.read_record() is None
    run.write_record(record(status="incomplete", failed_items=["a"]))
    assert run.read_record() == record(status="incomplete", failed_items=["a"])


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda text: text[: len(text) // 2], "is damaged"),
        (lambda text: text.replace('"schema": 1', '"schema": 9'), "newer dpg-bench: its schema is 9"),
        (lambda text: text.replace('"settings"', '"sittings"'), "is damaged at 'settings'"),
        (lambda text: text.replace('"running"', '"sleeping"'), "is damaged at 'status'"),
        (lambda text: text.replace('"images_per_prompt": 4', '"images_per_prompt": null'), "images_per_prompt: Input"),
        (lambda text: text.replace('"images_per_prompt": 4', '"images_per_prompt": "4"'), "images_per_prompt: Input"),
        (lambda text: text.replace('"size": 512', '"size": [512]'), "size: Input should be a valid integer"),
        (lambda text: text.replace('"size": 512', '"size": 1e400'), "size: Input should be a valid integer"),
        (lambda text: text.replace('"model": "m",', ""), "model: Field required"),
        (lambda text: text.replace('"batch_size": 8', '"batch_size": 0'), "batch_size: Input should be greater"),
        (lambda text: text.replace('"batch_size": 8', '"batch_size": null'), "batch_size: Input should be a valid"),
    ],
)
def test_a_damaged_or_newer_record_is_refused(tmp_path: Path, damage: Any, message: str) -> None:
    run = RunDir(tmp_path)
    run.write_record(record())
    run.record_file.write_text(damage(run.record_file.read_text()))
    with pytest.raises(BadInputError, match=message):
        run.read_record()


def test_the_newest_run_is_the_one_whose_record_changed_last(tmp_path: Path) -> None:
    assert runs_in(tmp_path) == ()
    for name in ("b", "a"):
        RunDir(tmp_path / name).write_record(record())
    (tmp_path / "c").mkdir()
    import os

    os.utime(tmp_path / "b" / "run.json", ns=(1, 1))
    assert [run.path.name for run in runs_in(tmp_path)] == ["b", "a"]


def test_a_folder_that_another_process_uses_is_refused(tmp_path: Path) -> None:
    code = f"""
import sys
from pathlib import Path
from dpg_bench.files.run_folder import lock_folder
with lock_folder(Path({json.dumps(str(tmp_path))})):
    print("held", flush=True)
    sys.stdin.readline()
"""
    other = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert other.stdout is not None
    assert other.stdout.readline() == "held\n"
    with pytest.raises(BadInputError, match="in use by another process"), lock_folder(tmp_path):
        pass
    other.communicate("\n")
    with lock_folder(tmp_path):
        assert other.returncode == 0


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInputError, match="file/run can't be written"), lock_folder(tmp_path / "file" / "run"):
        pass


def test_a_judges_folder_has_a_name_that_every_file_system_takes(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    assert run.judgement("mplug").path.name == "mplug"
    assert run.judgement("vlm:Qwen/Qwen2.5-VL-7B-Instruct").path.name == "vlm-Qwen-Qwen2.5-VL-7B-Instruct"
    for odd in ("..", "/", "", "a" * 500, "é:ü"):
        folder = run.judgement(odd).path
        assert folder.parent == run.judgements
        assert 0 < len(folder.name) <= 120
        assert folder.name not in (".", "..")


WITHOUT_FLOCK = """
import errno, fcntl, os, signal, sys
from pathlib import Path

def refuse(*_):
    raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

fcntl.flock = refuse
from dpg_bench.files.run_folder import lock_folder
with lock_folder(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)
"""


def _refuse_flock(monkeypatch: pytest.MonkeyPatch, number: int) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(fcntl, "flock", refuse)


def test_where_nobody_knows_flock_a_file_marks_who_is_at_work_and_a_kill_frees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    _refuse_flock(monkeypatch, errno.ENOSYS)
    other = subprocess.Popen(
        [sys.executable, "-c", WITHOUT_FLOCK, str(tmp_path / "run")], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with other:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        with pytest.raises(BadInputError, match="in use by another process"), lock_folder(tmp_path / "run"):
            pass
        assert is_held(tmp_path / "run")
        other.communicate()
    _tell_of_marks.cache_clear()
    with lock_folder(tmp_path / "run"):
        assert "a file .lock marks instead who is at work" in caplog.text
    assert not is_held(tmp_path / "run")


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP])
def test_a_file_system_that_gives_no_locks_is_told(
    number: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _refuse_flock(monkeypatch, number)
    with pytest.raises(DpgBenchError, match="gives no locks"), lock_folder(tmp_path / "run"):
        pass
