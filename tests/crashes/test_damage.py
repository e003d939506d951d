"""Whatever becomes of a file of a run folder, no command falls over it, and the run ends in the undisturbed bytes."""

from __future__ import annotations

import itertools
import os
import random
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dpg_bench.cli.app import app
from tests.crashes.work import Generating, Judging

RUN = ("run", "--model", "tiny-sd15", "--suite", "sample", "--steps", "1", "--limit", "2", "--out", "made")
SCORE = ("score", "made", "--judge", "tiny-mplug")
READING = (("show", "made"), ("runs", "."), ("verify", "made"), ("leaderboard", "."), ("report", "made", "--force"))
READING += (("compare", "made", "made"), ("check", "made", "--baseline", "made"))
FILES = ("run.json", "generation.jsonl", ".lock", "images/sample01-lighthouse.png")
FILES += tuple(
    f"judgements/tiny-mplug/{name}"
    for name in ("judgement.json", "answers.jsonl", "scorecard.json", "suite.jsonl", ".lock")
)


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
PAIRS = list(itertools.product(FILES, DAMAGES))


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    folder = tmp_path_factory.mktemp("whole")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert command(*RUN) == command(*SCORE) == 0
        yield folder / "made"


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


def damage_and_heal(name: str, what: str, whole: Path) -> None:
    shutil.copytree(whole, "made")
    mine = Path("mine")
    mine.write_text("of the user's, without an end of line")
    file = Path("made") / name
    DAMAGES[what](file)
    for args in READING:
        command(*args)
    codes = command(*RUN), command(*SCORE)
    if any(codes):
        remove(file)
        codes = command(*RUN), command(*SCORE)
    if any(codes):
        codes = command(*RUN, "--fresh"), command(*SCORE, "--fresh")
    assert codes == (0, 0)
    for work in (Generating(), Judging()):
        results, undisturbed = work.results(Path("made")), work.results(whole)
        results["names"] -= {"report.html"}
        assert results == undisturbed
    assert mine.read_text() == "of the user's, without an end of line"


@pytest.mark.parametrize(("name", "what"), random.Random(4).sample(PAIRS, 6))
def test_a_damaged_file_is_told_and_healed(
    name: str, what: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    damage_and_heal(name, what, whole)


@pytest.mark.nightly
@pytest.mark.parametrize(("name", "what"), PAIRS)
def test_every_damaged_file_is_told_and_healed(
    name: str, what: str, whole: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    damage_and_heal(name, what, whole)
