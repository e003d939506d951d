"""Whatever becomes of a file of a run folder, no command falls over it, and the run ends in the undisturbed bytes."""

from __future__ import annotations

import itertools
import os
import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dpg_bench.cli.app import app
from tests.crashes.work import Generating, Judging, read_lines

RUN = ("run", "--model", "tiny-sd15", "--suite", "sample", "--steps", "1", "--limit", "2", "--out", "made")
SCORE = ("score", "made", "--judge", "tiny-mplug")
ITEMS = "sample01-lighthouse,sample02-bakery,sample03-chess"  # the third is no image
JUDGE = ("score", "pictures", "--suite", "sample", "--items", ITEMS, "--judge", "tiny-mplug", "--out", "made")
READING = (("show", "made"), ("runs", "."), ("verify", "made"), ("leaderboard", "."), ("report", "made", "--force"))
READING += (("compare", "made", "made"), ("check", "made", "--baseline", "made"))
JUDGEMENT = "judgements/tiny-mplug"
JUDGED = tuple(
    f"{JUDGEMENT}/{name}" for name in ("judgement.json", "answers.jsonl", "scorecard.json", "suite.jsonl", ".lock")
)


def _run_and_judgement(folder: Path) -> object:
    results = [work.results(folder) for work in (Generating(), Judging())]
    for one in results:
        one["names"] -= {"report.html"}
    return results


def _judgement(folder: Path) -> object:
    files = {file.relative_to(folder).as_posix(): file for file in folder.rglob("*") if file.is_file()}
    failed = [line["error"] for line in read_lines(files.pop(f"{JUDGEMENT}/failures.jsonl"))]  # not their tracebacks
    return failed, {
        name: file.read_bytes() for name, file in files.items() if file.name not in ("report.html", ".lock")
    }


@dataclass(frozen=True)
class Scene:
    """A folder `made`: by which commands, of which files; which go on with it, how they end and what they leave."""

    begin: tuple[tuple[str, ...], ...]
    files: tuple[str, ...]
    go_on: tuple[tuple[str, ...], ...] = (RUN, SCORE)
    ends: int = 0
    left: Callable[[Path], object] = _run_and_judgement


SHARE = "shards/0-of-2"
SCENES = {
    "whole": Scene(
        begin=(RUN, SCORE),
        files=("run.json", "generation.jsonl", ".lock", "images/sample01-lighthouse.png", *JUDGED),
    ),
    "shared": Scene(
        begin=((*RUN, "--shard", "0/2"), (*SCORE, "--shard", "0/2")),
        files=(
            *("run.json", ".lock", "images/sample02-bakery.png", f"{SHARE}/generation.jsonl", f"{SHARE}/.lock"),
            *(f"{JUDGEMENT}/judgement.json", f"{JUDGEMENT}/.lock"),
            *(f"{JUDGEMENT}/{SHARE}/{name}" for name in ("answers.jsonl", "shard.json", ".lock")),
        ),
    ),
    "made elsewhere": Scene(
        begin=(JUDGE,),
        files=("source.json", f"{JUDGEMENT}/failures.jsonl", *JUDGED),
        go_on=(JUDGE,),
        ends=3,
        left=_judgement,
    ),
}


def _truncated(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _flipped(file: Path) -> None:
    content = bytearray(file.read_bytes() or b" ")
    content[len(content) // 2] ^= 1
    file.write_bytes(content)


def _folder(file: Path) -> None:
    file.unlink()
    file.mkdir()
    (file / "inside").touch()


def _fifo(file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _link(file: Path) -> None:
    """To a file elsewhere, which nothing may change."""
    file.unlink()
    file.symlink_to(Path("mine").resolve())


def _dangling(file: Path) -> None:
    file.unlink()
    file.symlink_to("nowhere")


def _device(file: Path) -> None:
    file.unlink()
    file.symlink_to("/dev/zero")


DAMAGES: Mapping[str, Callable[[Path], object]] = {
    "truncated": _truncated,
    "flipped": _flipped,
    "empty": lambda file: file.write_bytes(b""),
    "gone": Path.unlink,
    "a folder": _folder,
    "a pipe": _fifo,
    "a link": _link,
    "a dangling link": _dangling,
    "a device": _device,
}
CASES = [(scene, *pair) for scene in SCENES for pair in itertools.product(SCENES[scene].files, DAMAGES)]


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """The folder in which a scene lies: what was begun as `made`, what its commands lead to as `undisturbed`."""

    @cache
    def begin(name: str) -> Path:
        scene, folder = SCENES[name], tmp_path_factory.mktemp("scene")
        with pytest.MonkeyPatch.context() as patch:
            patch.chdir(folder)
            if scene.go_on == (JUDGE,):
                assert command(*RUN) == 0
                Path("made/images").rename("pictures")
                Path("pictures/sample03-chess.png").write_text("no image")
                shutil.rmtree("made")
            assert {command(*args) for args in scene.begin} == {scene.ends}
            shutil.copytree("made", "begun")
            assert {command(*args) for args in scene.go_on} == {scene.ends}
            Path("made").rename("undisturbed")
            Path("begun").rename("made")
        return folder

    return begin


def command(*args: str) -> int:
    result = CliRunner().invoke(app, args)
    assert result.exit_code in (0, 1, 2, 3, 4), (args, result.output, result.exc_info)
    assert result.exception is None or isinstance(result.exception, SystemExit), (args, result.exc_info)
    assert "Traceback" not in result.output, (args, result.output)
    assert result.exit_code == 0 or result.output, args
    return result.exit_code


def remove(file: Path) -> None:
    """What the messages advise where a file can't be used."""
    if file.is_dir() and not file.is_symlink():
        shutil.rmtree(file)
    else:
        file.unlink(missing_ok=True)


def damage_and_heal(case: tuple[str, str, str], begun: Callable[[str], Path]) -> None:
    name, damaged, what = case
    scene = SCENES[name]
    shutil.copytree(begun(name), ".", dirs_exist_ok=True)
    mine = Path("mine")
    mine.write_text("of the user's, without an end of line")
    file = Path("made") / damaged
    DAMAGES[what](file)
    for args in READING:
        command(*args)
    wanted = [scene.ends] * len(scene.go_on)
    codes = [command(*args) for args in scene.go_on]
    if codes != wanted:
        remove(file)
        codes = [command(*args) for args in scene.go_on]
    if codes != wanted:
        codes = [command(*args, "--fresh") for args in scene.go_on]
    assert codes == wanted
    assert scene.left(Path("made")) == scene.left(Path("undisturbed"))
    assert mine.read_text() == "of the user's, without an end of line"


@pytest.mark.parametrize("case", random.Random(4).sample(CASES, 6), ids=" ".join)
def test_a_damaged_file_is_told_and_healed(
    case: tuple[str, str, str], begun: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    damage_and_heal(case, begun)


@pytest.mark.nightly
@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_every_damaged_file_is_told_and_healed(
    case: tuple[str, str, str], begun: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    damage_and_heal(case, begun)
