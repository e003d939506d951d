"""The whole way: precompute, train, interrupt, continue, and images of the result by `dpgbench run`."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dpg_bench.cli.app import app as dpgbench
from ella_models.training import TrainingConfig, TrainingStep
from ella_models.training import display as training_display
from ella_models.training.commands import app as ella

Configure = Callable[..., TrainingConfig]


def test_precompute_train_interrupt_continue_and_draw(
    configure: Configure, saved_parts: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = configure(tmp_path / "run", data={"precomputed": tmp_path / "features"}, text={"tokens": 128})
    file = tmp_path / "train.yaml"
    file.write_text(json.dumps(config.model_dump(mode="json")), encoding="utf-8")
    runner = CliRunner()
    assert runner.invoke(ella, ["precompute", "-c", str(file)]).exit_code == 0

    def interrupt(step: TrainingStep) -> None:
        if step.step == 2:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(training_display, "_print_line", interrupt)
        stopped = runner.invoke(ella, ["train", "-c", str(file)])
    assert stopped.exit_code == 130
    assert "Stopped after step 3 of 6; run the same command again to go on." in stopped.stderr
    assert runner.invoke(ella, ["train", "-c", str(file)]).exit_code == 0

    suite = tmp_path / "prompts"
    suite.mkdir()
    (suite / "wall.txt").write_text("a red wall", encoding="utf-8")
    options = {"base": saved_parts / "sd", "ella": tmp_path / "run", "text_encoder": saved_parts / "t5"}
    words = [word for name, value in options.items() for word in ("-M", f"{name}={value}")]
    small = ["--steps", "1", "--size", "16", "--images-per-prompt", "1"]
    drawn = runner.invoke(
        dpgbench,
        ["run", "--model", "ella-sd15", "--suite", str(suite), "--out", str(tmp_path / "images"), *words, *small],
    )
    assert drawn.exit_code == 0, drawn.output
    assert (tmp_path / "images" / "images" / "wall.png").is_file()
