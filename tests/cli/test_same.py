"""`same` as a command: runs that are not scored, exit codes, and one message for what can't be compared."""

from __future__ import annotations

import csv
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dpg_bench.generate.in_memory import LoadedModel
from dpg_bench.jobs.run import execute_run
from dpg_bench.jobs.run_plan import RunRequest, plan_run
from tests.cli.conftest import Dpgbench


def draw(name: str, *, noise: int = 0, seed: int = 0, limit: int = 2) -> None:
    """A run of prompts of the sample suite in the folder `name`, by a model that draws noise from its seed."""

    def pictures(prompts: Sequence[str], seeds: Sequence[int]) -> list[Image.Image]:
        rngs = [np.random.default_rng(seed) for seed in seeds]
        return [Image.fromarray((rng.integers(0, 200, (16, 16, 3)) + noise).astype(np.uint8)) for rng in rngs]

    model = LoadedModel("drawer", pictures, {"noise": noise})
    request = RunRequest(
        model=model, suite="sample", limit=limit, images_per_prompt=1, seed=seed, out=Path(name), device="cpu"
    )
    assert execute_run(plan_run(request)).failed == {}


@pytest.fixture
def drawn(dpgbench: Dpgbench) -> Dpgbench:
    """Two drawings of the same two prompts from the same seeds, and one from other seeds."""
    draw("a")
    draw("b", noise=3)
    draw("c", seed=5)
    return dpgbench


def test_same_tells_by_its_exit_code(drawn: Dpgbench) -> None:
    assert drawn("same", "a", "a", "--json").exit_code == 0
    doubtful = drawn("same", "a", "b", "--csv", "images.csv")
    assert doubtful.exit_code == 4
    assert "a and b are not scored" in doubtful.stdout
    assert "Both were made with the same settings" in doubtful.stdout
    with Path("images.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == 2
    assert drawn("same", "a", "b", "--min-psnr", "5").exit_code == 0
    strict = drawn("same", "a", "b", "--min-ssim", "1", "--json")
    assert strict.exit_code == 4
    assert json.loads(strict.stdout)["verdict"] == "different"


def test_what_cannot_be_held_against_each_other_is_one_message(drawn: Dpgbench) -> None:
    other = drawn("same", "a", "c")
    assert other.exit_code == 2
    assert "seed is 0 and 5" in other.stderr
    assert drawn("same", "a", "nowhere").exit_code == 2
    assert drawn("same", "a", "b", "--json", "--markdown").exit_code == 2
    Path("b/generation.jsonl").write_text("")
    unfinished = drawn("same", "a", "b")
    assert unfinished.exit_code == 2
    assert "b holds no finished item" in unfinished.stderr
    draw("a2", limit=3)
    incomplete = drawn("same", "a", "a2")
    assert incomplete.exit_code == 3
    assert "--allow-missing" in incomplete.stdout
