"""Disks that fill up, folders that vanish, clocks that jump: one message, and the same command heals it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.crashes.campaign import toy_training
from tests.crashes.forks import Forks, Process
from tests.crashes.kills import Aim, undisturbed
from tests.crashes.work import Generating, Judging, read_lines

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small disk takes root")


def nightly(value: object) -> object:
    return pytest.param(value, marks=pytest.mark.nightly)


@pytest.fixture(scope="module")
def aims(forks: Forks, tmp_path_factory: pytest.TempPathFactory) -> list[Aim]:
    folder = tmp_path_factory.mktemp("undisturbed")
    made = undisturbed(forks, Generating(items=3, steps=2), folder / "made")
    return [made, undisturbed(forks, Judging(), folder / "judged", start=folder / "made")]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts a disk, or mounts it again with other options."""
    place = tmp_path / "disk"
    place.mkdir()

    def mount(options: str) -> Path:
        again = "remount," if place.is_mount() else ""
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"{again}{options}", "tmpfs", str(place)], check=True)
        return place

    yield mount
    subprocess.run(["umount", str(place)], check=False)


def start(forks: Forks, aim: Aim, folder: Path, **told: object) -> Process:
    return forks.start(*aim.work.command(folder), cwd=folder.parent, **told)


def fails(process: Process, *messages: str) -> None:
    assert process.wait() in (1, 2), process.output
    assert "Traceback" not in process.output
    assert "Error: " in process.output
    assert any(message in process.output for message in messages), process.output


def heals(forks: Forks, aim: Aim, folder: Path) -> None:
    before = aim.work.finished(folder)
    process = start(forks, aim, folder)
    assert process.wait() == 0, process.output
    assert aim.work.results(folder) == aim.results
    if not isinstance(aim.work, Judging):
        assert not aim.work.redone(folder, before, [])


def from_start(aim: Aim, folder: Path) -> None:
    if aim.start is not None:
        shutil.copytree(aim.start, folder)


@needs_root
@pytest.mark.parametrize("kilobytes", [nightly(4), nightly(16), 48])
def test_a_full_disk_is_told_and_a_larger_one_goes_on(
    forks: Forks, aims: list[Aim], disk: Callable[[str], Path], kilobytes: int
) -> None:
    for aim in aims:
        size = sum(file.stat().st_size for file in aim.start.rglob("*")) // 1024 + 40 if aim.start else 0
        folder = disk("size=64m") / aim.work.name
        from_start(aim, folder)
        disk(f"size={size + kilobytes}k")
        fails(start(forks, aim, folder), "The disk is full", "can't be written")
        disk("size=64m")
        heals(forks, aim, folder)
        shutil.rmtree(folder)


@pytest.mark.nightly
@needs_root
def test_a_read_only_folder_is_told(forks: Forks, aims: list[Aim], disk: Callable[[str], Path]) -> None:
    for aim in aims:
        folder = disk("size=64m,rw") / aim.work.name
        from_start(aim, folder)
        disk("size=64m,ro")
        fails(start(forks, aim, folder), "can't be written: Read-only file system")
        disk("size=64m,rw")
        heals(forks, aim, folder)


@pytest.mark.parametrize("size", [nightly(1000), nightly(5000), 20_000])
def test_a_limit_on_the_size_of_files_is_told(forks: Forks, aims: list[Aim], tmp_path: Path, size: int) -> None:
    for aim in aims:
        folder = tmp_path / aim.work.name
        from_start(aim, folder)
        fails(start(forks, aim, folder, file_size=size), "File too large")
        heals(forks, aim, folder)


@pytest.mark.nightly
@pytest.mark.parametrize("year", [1980, 2090])
def test_a_clock_that_jumped_changes_nothing(forks: Forks, aims: list[Aim], tmp_path: Path, year: int) -> None:
    for aim in aims:
        folder = tmp_path / aim.work.name
        from_start(aim, folder)
        process = start(forks, aim, folder)
        process.until(lambda folder=folder, aim=aim: bool(aim.work.finished(folder)))
        process.send(signal.SIGKILL)
        process.wait()
        for file in folder.rglob("*"):
            os.utime(file, ((year - 1970) * 31_556_952,) * 2)
        heals(forks, aim, folder)


@pytest.mark.nightly
def test_a_second_process_is_refused(forks: Forks, aims: list[Aim], tmp_path: Path) -> None:
    for aim in aims:
        folder = tmp_path / aim.work.name
        from_start(aim, folder)
        first = start(forks, aim, folder)
        first.until(lambda folder=folder, aim=aim: bool(aim.work.finished(folder)))
        first.send(signal.SIGSTOP)
        fails(start(forks, aim, folder), "is in use by another process")
        first.send(signal.SIGCONT)
        assert first.wait() == 0
        assert aim.work.results(folder) == aim.results


@pytest.mark.nightly
def test_a_second_training_is_told_of_the_first(forks: Forks, tmp_path: Path) -> None:
    aim = undisturbed(forks, toy_training(tmp_path), tmp_path / "undisturbed")
    folder = tmp_path / "trained"
    first = start(forks, aim, folder)
    first.until(lambda: bool(read_lines(folder / "log.jsonl")))
    first.send(signal.SIGSTOP)
    second = start(forks, aim, folder)
    assert second.wait() == 2
    assert f"is in use by another process ({first.pid} on " in second.output
    first.send(signal.SIGCONT)
    assert first.wait() == 0
    assert aim.work.results(folder) == aim.results


@pytest.mark.parametrize("what", [nightly("deleted"), "renamed", nightly("replaced")])
def test_a_folder_that_goes_away_under_the_work_is_told(
    forks: Forks, aims: list[Aim], tmp_path: Path, what: str
) -> None:
    for aim in aims:
        folder, aside = tmp_path / aim.work.name, tmp_path / f"{aim.work.name}-aside"
        from_start(aim, folder)
        process = start(forks, aim, folder)
        process.until(lambda folder=folder, aim=aim: bool(aim.work.finished(folder)))
        process.send(signal.SIGSTOP)
        folder.rename(aside)
        if what == "replaced":
            from_start(aim, folder)
        process.send(signal.SIGCONT)
        there = folder.exists()
        fails(process, "the folder was moved or deleted while this was at work in it", "No such file")
        assert folder.exists() == there, "nothing comes back"
        if what == "deleted":
            shutil.rmtree(aside)
            from_start(aim, folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)
            aside.rename(folder)
        heals(forks, aim, folder)
        shutil.rmtree(folder)
