"""`sweep`: several models, a run folder each, and one ranking at the end."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import Dpgbench

SMALL = ("--suite", "sample", "--limit", "2", "--steps", "1", "--size", "32", "--judge", "tiny-mplug")


def test_models_are_drawn_scored_and_ranked_and_again_does_nothing_anew(dpgbench: Dpgbench, tmp_path: Path) -> None:
    first = dpgbench("sweep", "--models", "tiny-sd15,tiny-ella-sd15", *SMALL, "--json")
    assert first.exit_code == 0, first.output
    board = json.loads(first.stdout)
    assert "tiny-ella-sd15" in json.dumps(board)
    runs = sorted((tmp_path / "runs").iterdir())
    assert [run.name for run in runs] == ["tiny-ella-sd15-sample", "tiny-sd15-sample"]
    before = [file.stat().st_mtime_ns for run in runs for file in sorted((run / "images").iterdir())]
    again = dpgbench("sweep", "--models", "tiny-sd15,tiny-ella-sd15", *SMALL)
    assert again.exit_code == 0
    assert before == [file.stat().st_mtime_ns for run in runs for file in sorted((run / "images").iterdir())]


def test_all_models_are_checked_before_the_first_is_drawn(dpgbench: Dpgbench, tmp_path: Path) -> None:
    refused = dpgbench("sweep", "--models", "tiny-sd15,tiny-sd51", *SMALL)
    assert (refused.exit_code, "Did you mean 'tiny-sd15'" in refused.output) == (2, True)
    assert not (tmp_path / "runs").exists()
    twice = dpgbench("sweep", "--models", "tiny-sd15,tiny-sd15", *SMALL)
    assert (twice.exit_code, "each once" in twice.output) == (2, True)


def test_checkpoints_of_one_name_get_folders_of_their_own(
    dpgbench: Dpgbench, tiny_folder: Path, tmp_path: Path
) -> None:
    for step in ("1000", "2000"):
        (tmp_path / f"step-{step}").mkdir()
        (tmp_path / f"step-{step}" / "pipeline").symlink_to(tiny_folder)
    models = "diffusers:step-1000/pipeline,diffusers:step-2000/pipeline"
    swept = dpgbench("sweep", "--models", models, *SMALL)
    assert swept.exit_code == 0, swept.output
    names = sorted(run.name for run in (tmp_path / "runs").iterdir())
    assert names == ["diffusers-step-1000-pipeline-sample", "diffusers-step-2000-pipeline-sample"]
