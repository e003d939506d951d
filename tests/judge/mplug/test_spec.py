"""The judges as `--judge` names them: checked without weights, and light to import."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.judge.base import JudgeSettings
from dpg_bench.judge.mplug.spec import MPLUG, TINY_MPLUG, MplugOptions
from dpg_bench.plugins import NoOptions


def _settings(path: Path) -> JudgeSettings:
    return JudgeSettings("mplug", MplugOptions(path=str(path)), "cpu", "float32")


def test_a_local_checkpoint_is_checked_and_loaded(checkpoint: Path) -> None:
    MPLUG.validate(_settings(checkpoint))
    MPLUG.fetch(MplugOptions(path=str(checkpoint)))
    judge = MPLUG.load(_settings(checkpoint))
    assert judge.provenance["source"] == "folder"
    assert judge.fingerprint == TINY_MPLUG.load(JudgeSettings("tiny-mplug", NoOptions(), "cpu", "float32")).fingerprint


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: folder.rename(folder.with_name("moved")), "which is no folder"),
        (lambda folder: (folder / "vocab.txt").unlink(), r"vocab\.txt is missing"),
        (lambda folder: (folder / "pytorch_model.bin").unlink(), r"pytorch_model\.bin is missing"),
        (lambda folder: (folder / "config_bert.json").write_text("{}"), "'hidden_size': Field required"),
    ],
)
def test_a_folder_that_is_no_checkpoint_is_refused_before_loading(
    checkpoint: Path, damage: Callable[[Path], object], message: str
) -> None:
    damage(checkpoint)
    with pytest.raises(BadInputError, match=message):
        MPLUG.validate(_settings(checkpoint))


def test_naming_the_judges_and_preprocessing_import_no_torch() -> None:
    code = (
        "import sys, dpg_bench.judge.mplug.spec, dpg_bench.judge.resizing\n"
        "sys.exit(', '.join({'torch', 'transformers', 'tokenizers', 'modelscope_hub'} & sys.modules.keys()) or None)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
