"""Starting over deletes a run's own things, where nobody works; whatever a link or a device is stays what it is."""

from __future__ import annotations

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError, DpgBenchError
from dpg_bench.files.durable import JsonlLog
from dpg_bench.files.outputs import write_output
from dpg_bench.files.run_folder import RunDir, lock_folder
from dpg_bench.jobs import RunRequest, ScoreRequest, execute_run, execute_score, plan_run, plan_score
from dpg_bench.jobs.scored import check_same_run

REQUEST = RunRequest(model="tiny-sd15", suite="sample", steps=1, images_per_prompt=1, limit=1)


@pytest.fixture
def run(tmp_path: Path) -> RunDir:
    execute_run(plan_run(replace(REQUEST, out=tmp_path / "run")))
    return RunDir(tmp_path / "run")


def fresh(run: RunDir, **changes: object) -> None:
    execute_run(plan_run(replace(REQUEST, out=run.path, fresh=True, **changes)))


def test_a_record_made_from_python_holds_no_command_line(run: RunDir) -> None:
    record = run.read_record()
    assert record is not None
    assert record.command == []


def test_nothing_is_deleted_while_somebody_judges(run: RunDir) -> None:
    judgement = run.judgement("tiny-mplug")
    before = run.record_file.read_bytes()
    with lock_folder(judgement.path), ThreadPoolExecutor(1) as elsewhere:
        with pytest.raises(BadInputError, match="tiny-mplug is in use by another process"):
            elsewhere.submit(fresh, run, seed=7).result()
        assert run.record_file.read_bytes() == before
    fresh(run, seed=7)
    assert run.record_file.read_bytes() != before


def test_a_scorecard_is_never_of_images_that_were_replaced_meanwhile(run: RunDir) -> None:
    plan = plan_score(ScoreRequest(path=run.path, judge="tiny-mplug"))
    fresh(run, seed=7)
    with pytest.raises(BadInputError, match="was started anew while it was scored"):
        execute_score(plan)
    assert not run.judgement("tiny-mplug").scorecard.exists()


def test_a_run_that_was_moved_away_meanwhile_was_not_started_anew(run: RunDir, tmp_path: Path) -> None:
    plan = plan_score(ScoreRequest(path=run.path, judge="tiny-mplug"))
    with lock_folder(plan.folder.path):
        run.path.rename(tmp_path / "aside")
        with pytest.raises(DpgBenchError, match="the folder was moved or deleted while this was at work in it"):
            check_same_run(plan)


def test_what_is_not_the_runs_own_stays(run: RunDir) -> None:
    mine = [run.path / "notes.txt", run.images / "mine.jpg", run.images / "other.png", run.judgements / "x" / "mine"]
    for file in mine:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("mine")
    old = next(run.images.glob("sample*.png")).read_bytes()
    execute_score(plan_score(ScoreRequest(path=run.path, judge="tiny-mplug")))
    fresh(run, seed=7)
    assert [file.read_text() for file in mine] == ["mine"] * 4
    assert next(run.images.glob("sample*.png")).read_bytes() != old
    assert not run.judgement("tiny-mplug").path.exists()


def test_another_programs_folder_is_not_touched(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    run.record_file.write_text(json.dumps({"experiment": 3}))
    run.images.mkdir()
    (run.images / "sample01-lighthouse.png").write_bytes(b"")
    with pytest.raises(BadInputError, match="was not written by dpg-bench"):
        fresh(run)
    assert (run.images / "sample01-lighthouse.png").exists()


def test_a_damaged_record_of_ours_can_be_started_over(run: RunDir) -> None:
    content = run.record_file.read_text()
    run.record_file.write_text(content[: len(content) // 2])
    log = run.generation_log.read_bytes()
    run.generation_log.unlink()
    with pytest.raises(BadInputError, match="is damaged"):
        plan_run(replace(REQUEST, out=run.path))
    run.generation_log.write_bytes(log)
    fresh(run)
    assert run.read_record() is not None


def test_images_on_another_disk_are_deleted_there_and_the_link_stays(run: RunDir, tmp_path: Path) -> None:
    run.images.rename(tmp_path / "elsewhere")
    run.images.symlink_to(tmp_path / "elsewhere")
    fresh(run, seed=7)
    assert run.images.is_symlink()
    assert len(list((tmp_path / "elsewhere").iterdir())) == 1


def test_a_log_that_is_a_link_is_refused_and_its_target_left_alone(run: RunDir, tmp_path: Path) -> None:
    target = tmp_path / "mine.txt"
    target.write_text('{"item_id": "a"}\nand a line without an end')
    run.generation_log.unlink()
    run.generation_log.symlink_to(target)
    with pytest.raises(BadInputError, match=r"generation\.jsonl is no file of its own"):
        execute_run(plan_run(replace(REQUEST, out=run.path, limit=2)))
    assert target.read_text() == '{"item_id": "a"}\nand a line without an end'
    with pytest.raises(BadInputError, match="no file of its own"):
        JsonlLog(tmp_path)


def test_half_written_files_of_a_killed_process_are_cleared(run: RunDir) -> None:
    judgement = run.judgement("tiny-mplug").path
    judgement.mkdir(parents=True)
    planted = [folder / ".x.png.1234.part" for folder in (run.path, run.images, judgement)]
    for file in planted:
        file.write_text("half")
    execute_run(plan_run(replace(REQUEST, out=run.path)))
    execute_score(plan_score(ScoreRequest(path=run.path, judge="tiny-mplug")))
    assert not any(file.exists() for file in planted)


def test_a_result_may_be_a_link_or_a_pipe_and_stays_one(tmp_path: Path) -> None:
    kept = tmp_path / "kept.csv"
    (tmp_path / "link.csv").symlink_to(kept)
    write_output(tmp_path / "link.csv", b"new", force=False)
    assert kept.read_bytes() == b"new"
    assert (tmp_path / "link.csv").is_symlink()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as reader:
        read = reader.submit(pipe.read_bytes)
        write_output(pipe, b"through", force=True)
        assert read.result() == b"through"
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    write_output(Path(os.devnull), b"gone", force=True)
    assert stat.S_ISCHR(Path(os.devnull).stat().st_mode)


def test_a_new_file_is_as_open_as_the_user_lets_it_be(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        write_output(tmp_path / "private.csv", b"x", force=False)
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "private.csv").stat().st_mode) == 0o600


@pytest.mark.parametrize("name", [".lock", "generation.jsonl", "run.json"])
def test_a_folder_in_the_place_of_a_file_is_told(tmp_path: Path, name: str) -> None:
    (tmp_path / name).mkdir()
    with pytest.raises(BadInputError, match=name if name != ".lock" else str(tmp_path)):
        execute_run(plan_run(replace(REQUEST, out=tmp_path)))
