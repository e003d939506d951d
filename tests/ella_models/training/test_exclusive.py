"""One process at a time trains in a folder."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

from ella_models import EllaError
from ella_models.training import TrainingConfig, train
from ella_models.training.captioning import Said, caption
from ella_models.training.config import DataSection
from ella_models.training.exclusive import alone_in, alone_with

Configure = Callable[..., TrainingConfig]


class Silent:
    def settings(self) -> dict[str, object]:
        return {"model": "silent"}

    def describe(self, images: Sequence[Image.Image]) -> list[Said]:
        return [Said(error="says nothing") for _ in images]


def test_a_second_process_is_told_which_is_the_first_and_changes_nothing(configure: Configure, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "checkpoints").mkdir(parents=True)
    with alone_in(folder):
        for fresh in (False, True):
            with pytest.raises(EllaError, match=rf"run' is in use by another process \({os.getpid()} on .*\)\. Wait"):
                train(configure(folder), fresh=fresh)
        assert {file.name for file in folder.iterdir()} == {"checkpoints", ".lock", ".lock.holder"}
    assert not (folder / ".lock.holder").exists()


def test_what_a_killed_process_held_is_free(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom ella_models.training.exclusive import alone_in\n"
        f"with alone_in(Path(sys.argv[1])):\n    os.kill(os.getpid(), {int(signal.SIGKILL)})\n"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / ".lock.holder").exists()
    with alone_in(tmp_path):
        assert (tmp_path / ".lock.holder").read_text().startswith(f"{os.getpid()} on ")


def test_a_link_in_place_of_the_holder_s_file_is_not_written_through(tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("of the user's")
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / ".lock.holder").symlink_to(mine)
    with alone_in(tmp_path / "run"):
        pass
    assert mine.read_text() == "of the user's"


def test_a_second_process_with_a_file_of_captions_is_told_and_writes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "captions.jsonl"
    Image.new("RGB", (8, 8)).save(tmp_path / "a.png")
    with alone_with(file):
        with pytest.raises(EllaError, match=rf"captions.jsonl' is in use by another process \({os.getpid()} on"):
            caption(DataSection(folder=tmp_path), Silent(), file)
        with alone_with(tmp_path / "others.jsonl"):
            assert not file.exists()
    assert caption(DataSection(folder=tmp_path), Silent(), file).failed == 1
