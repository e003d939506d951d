"""Whatever the system says about a write is one message, and the same command heals it to the same bytes."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from dpg_bench.errors import DpgBenchError
from dpg_bench.files.run_folder import RunDir
from dpg_bench.jobs import RunRequest, ScoreRequest, execute_run, execute_score, plan_run, plan_score

REQUEST = RunRequest(model="tiny-sd15", suite="sample", steps=1, images_per_prompt=1, limit=1)
ERRORS = (errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EINVAL)


def make(folder: Path) -> None:
    execute_run(plan_run(replace(REQUEST, out=folder)))
    execute_score(plan_score(ScoreRequest(path=folder, judge="tiny-mplug")))


def results(folder: Path) -> list[bytes]:
    judgement = RunDir(folder).judgement("tiny-mplug")
    files = [*sorted(RunDir(folder).images.iterdir()), judgement.answers, judgement.scorecard]
    return [file.read_bytes() for file in files]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> list[bytes]:
    folder = tmp_path_factory.mktemp("undisturbed") / "run"
    make(folder)
    return results(folder)


@pytest.mark.parametrize("call", [1, 4])
@pytest.mark.parametrize("number", ERRORS, ids=errno.errorcode.get)
def test_a_call_that_fails_once_is_told_and_healed(
    *, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, undisturbed: list[bytes], number: int, call: int
) -> None:
    real: Callable[[int], None] = os.fsync
    calls = 0

    def failing(descriptor: int) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise OSError(number, os.strerror(number))
        real(descriptor)

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", failing)
        with pytest.raises(DpgBenchError, match=os.strerror(number)):
            make(tmp_path / "run")
    make(tmp_path / "run")
    assert results(tmp_path / "run") == undisturbed
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("name", ["judgement.json", "answers.jsonl", "failures.jsonl", "scorecard.json", "suite.jsonl"])
def test_a_folder_in_the_place_of_a_judgements_file_is_told(tmp_path: Path, name: str) -> None:
    execute_run(plan_run(replace(REQUEST, out=tmp_path)))
    (RunDir(tmp_path).judgement("tiny-mplug").path / name).mkdir(parents=True)
    with pytest.raises(DpgBenchError, match="tiny-mplug"):
        execute_score(plan_score(ScoreRequest(path=tmp_path, judge="tiny-mplug")))
