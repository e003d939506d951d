"""The toy models: built once, the same everywhere, whole or not at all."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from dpg_bench.generate.base import Generator, ImageRequest
from dpg_bench.generate.models import tiny_weights
from dpg_bench.generate.registry import find_model
from dpg_bench.hub.cache import cache_folder

BUILD = "from dpg_bench.generate.models.tiny_weights import tiny_text_encoder; print(tiny_text_encoder().record())"


def test_weights_are_the_same_wherever_they_are_built(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    here = [weights().record() for weights in (tiny_weights.tiny_base, tiny_weights.tiny_connector)]
    monkeypatch.setenv("DPGBENCH_CACHE", str(tmp_path))
    assert [weights().record() for weights in (tiny_weights.tiny_base, tiny_weights.tiny_connector)] == here
    assert str(tmp_path) not in str(here)


def test_processes_that_build_at_once_end_with_one_whole_model(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DPGBENCH_CACHE", str(tmp_path))
    processes = [
        subprocess.Popen([sys.executable, "-c", BUILD], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    outputs = [process.communicate() for process in processes]
    assert [process.returncode for process in processes] == [0, 0]
    assert outputs[0] == outputs[1]
    assert outputs[0][1] == "", "nothing but data and errors is printed"
    names = {path.name for path in (tmp_path / "tiny").iterdir()}
    assert names == {"tiny-t5-1", "tiny-t5-1.lock"}


def test_a_build_that_fails_leaves_nothing(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        folder.mkdir()
        (folder / "half").write_text("")
        raise OSError("disk full")

    monkeypatch.setenv("DPGBENCH_CACHE", str(tmp_path))
    monkeypatch.setattr(tiny_weights, "_write_base", fail)
    with pytest.raises(OSError, match="disk full"):
        tiny_weights.tiny_base()
    assert [path.name for path in (cache_folder() / "tiny").iterdir() if path.is_dir()] == []


def test_fetching_builds_ahead_of_time(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("DPGBENCH_CACHE", str(tmp_path))
    find_model("tiny-ella-sd15").fetch({})
    assert {path.name for path in (tmp_path / "tiny").iterdir() if path.is_dir()} == {
        "tiny-sd15-1",
        "tiny-ella-1",
        "tiny-t5-1",
    }


@pytest.mark.parametrize("model", ["tiny-sd15", "tiny-ella-sd15"])
def test_images_vary_with_prompt_and_seed(model: str, load_model: Callable[..., Generator]) -> None:
    requests = [ImageRequest(prompt, seed) for prompt in ("a red fox", "three sheep on a hill") for seed in (1, 2)]
    images = load_model(model).generate(requests)
    assert all(image.mode == "RGB" and image.size == (64, 64) for image in images)
    first, other_seed, other_prompt, _ = (np.asarray(image).astype(float) for image in images)
    assert first.std() > 20
    assert np.abs(first - other_seed).mean() > 5
    assert np.abs(first - other_prompt).mean() > 5


@pytest.mark.parametrize(
    ("options", "same"), [({"length": "flexible"}, False), ({"scheduler": "EulerDiscreteScheduler"}, False), ({}, True)]
)
def test_options_reach_the_images(options: dict[str, str], same: bool, load_model: Callable[..., Generator]) -> None:
    request = [ImageRequest("a red fox", 1)]
    plain = load_model("tiny-ella-sd15").generate(request)
    changed = load_model("tiny-ella-sd15", options=options).generate(request)
    assert (plain[0].tobytes() == changed[0].tobytes()) is same


def test_size_steps_and_guidance_reach_the_images(load_model: Callable[..., Generator]) -> None:
    request = [ImageRequest("a red fox", 1)]
    plain = load_model("tiny-sd15").generate(request)[0]
    assert load_model("tiny-sd15", size=72).generate(request)[0].size == (72, 72)
    assert load_model("tiny-sd15", steps=2).generate(request)[0].tobytes() != plain.tobytes()
    assert load_model("tiny-sd15", guidance=1.0).generate(request)[0].tobytes() != plain.tobytes()


@pytest.mark.parametrize("model", ["tiny-sd15", "tiny-ella-sd15"])
def test_nothing_is_printed(
    model: str, load_model: Callable[..., Generator], capfd: pytest.CaptureFixture[str]
) -> None:
    load_model(model).generate([ImageRequest("a very long prompt " * 60, 1)])
    assert capfd.readouterr() == ("", "")
