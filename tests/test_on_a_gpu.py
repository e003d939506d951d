"""What takes other ways on a GPU, on a pretended one: tensors are where they belong, and the results are the CPU's."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from dpg_bench.jobs import RunRequest, ScoreRequest, execute_run, execute_score, plan_run, plan_score
from dpg_bench.score.scorecard import Scorecard
from tests.pretended_gpu import pretend

ITEMS = ("sample03-chess", "sample08-foxes")


def test_the_pretended_gpu_is_as_strict_as_a_real_one() -> None:
    with pretend():
        rows = torch.ones(2, 3, device="cuda")
        assert rows.device == torch.device("cuda", 0)
        assert (rows @ torch.ones(3, 2).to("cuda")).device.type == "cuda"
        assert torch.tensor([1, 2], device="cuda:0").tolist() == [1, 2]
        assert (rows + torch.tensor(1.0)).cpu().tolist() == [[2.0] * 3] * 2
        for mixed in (lambda: rows + torch.ones(2, 3), lambda: torch.cat([rows, torch.ones(2, 3)])):
            with pytest.raises(RuntimeError, match="same device"):
                mixed()
        with pytest.raises(TypeError, match="numpy"):
            rows.numpy()


def run_on(device: str, out: Path, *, model: str, options: dict[str, str], dtype: str) -> np.ndarray:
    """The pixels (items, height, width, 3) of a short run."""
    request = RunRequest(
        model=model,
        suite="sample",
        out=out,
        options=options,
        items=ITEMS,
        images_per_prompt=2,
        steps=2,
        device=device,
        dtype=dtype,
    )
    execute_run(plan_run(request))
    return np.stack([np.asarray(Image.open(out / "images" / f"{item}.png"), dtype=int) for item in ITEMS])


@pytest.mark.parametrize(
    ("model", "options"),
    [("tiny-sd15", {}), ("tiny-ella-sd15", {}), ("tiny-ella-sd15", {"length": "flexible", "fixed_negative": "true"})],
)
def test_a_run_makes_the_images_of_a_cpu(tmp_path: Path, model: str, options: dict[str, str]) -> None:
    expected = run_on("cpu", tmp_path / "cpu", model=model, options=options, dtype="float32")
    with pretend():
        found = run_on("cuda", tmp_path / "gpu", model=model, options=options, dtype="float32")
        run_on("cuda", tmp_path / "half", model=model, options=options, dtype="auto")
    assert np.abs(found - expected).max() <= 1


def scored(device: str, run: Path, dtype: str) -> Scorecard:
    request = ScoreRequest(path=run, judge="tiny-mplug", device=device, dtype=dtype, fresh=True)
    return execute_score(plan_score(request)).scorecard


@pytest.mark.parametrize("dtype", ["float32", "tf32x3", "tf32", "float16"])
def test_a_score_is_that_of_a_cpu(tmp_path: Path, dtype: str) -> None:
    run_on("cpu", tmp_path / "run", model="tiny-sd15", options={}, dtype="float32")
    expected = scored("cpu", tmp_path / "run", "float32")
    with pretend():
        found = scored("cuda", tmp_path / "run", dtype)
    assert found.judge.provenance["dtype"] == dtype
    assert found.protocols == expected.protocols
