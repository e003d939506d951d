"""Which of diffusers' pipelines run, with which of their arguments in force and at which size: a table, row by row.

`docs/pipelines.md` holds the rows that these tests make. A test that fails shows the right one.
"""

from __future__ import annotations

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.generate.base import GeneratorSettings, ImageRequest
from dpg_bench.generate.models.trial import Trial
from dpg_bench.generate.registry import find_model
from dpg_bench.hub.remarks import Remarks
from tests.toy_pipelines import TOY_OPTIONS, TOYS, save_toy

TABLE = Path(__file__).resolve().parents[3] / "docs" / "pipelines.md"
PROMPTS = ("a red fox", "a lighthouse on a cliff at dusk, seen from a wooden boat, " * 3, "two sheep", "", "a red fox")
REQUESTS = [ImageRequest(prompt, seed) for seed, prompt in enumerate(PROMPTS)]
SLOW = ("HunyuanImage", "Kandinsky 5")  # which read a thousand tokens, and draw 256 pixels whatever is asked
SIZE, STEPS, GUIDANCE = 32, 2, 4.0


def load(name: str, folder: Path) -> tuple[Any, list[str]]:
    """The toy with size, steps and guidance as far as it follows them, and what it refused."""
    spec = find_model(f"diffusers:{folder}")
    options = spec.options.read(spec.name, TOY_OPTIONS.get(name, {}))
    asked: dict[str, Any] = {"size": SIZE, "steps": STEPS, "guidance": GUIDANCE}
    refused = []
    while True:
        settings = GeneratorSettings(spec.name, options, **asked, device="cpu", dtype="float32")
        spec.validate(settings)
        try:
            return spec.load(settings), refused
        except BadInputError as error:
            word = str(error).split(maxsplit=1)[0]
            if asked.get(word) is None:
                raise
            asked[word] = None
            refused.append(word)


def as_on_a_gpu(generator: Any) -> Any:
    """The generator, told that it works on a GPU, where prompts share calls; the pipeline stays where it is."""
    batched = copy.copy(generator)
    batched._settings = replace(generator._settings, device="cuda")
    arguments = generator._call.arguments
    trial = Trial(generator._pipeline, batched._settings, arguments, heard=Remarks(tell=False))
    batched._call = replace(generator._call, prompts_together=trial.prompts_together(arguments))
    return batched


def row(name: str, generator: Any, refused: list[str]) -> str:
    call = generator.provenance["call"]
    force = call["in_force"]
    guidance = "refused" if "guidance" in refused else ", ".join(f"`{name}`" for name in force["guidance"])
    if "negative_prompt" in call["arguments"]:
        guidance += " beside a negative prompt"
    size = "×".join(map(str, force["size"]))
    sizes = f"its own ({size})" if "size" in refused else f"{size}, as asked"
    reads = ", ".join(str(limit.tokens) for limit in generator.text_limits)
    return f"| {name} | `{generator.provenance['pipeline']}` | {guidance} | {sizes} | {force['timesteps']} | {reads} |"


@pytest.mark.parametrize("name", TOYS)
def test_a_pipeline_runs_as_its_row_says_and_an_image_is_the_same_in_any_company(name: str, tmp_path: Path) -> None:
    generator, refused = load(name, save_toy(name, tmp_path / "toy"))
    assert row(name, generator, refused) in TABLE.read_text(encoding="utf-8").splitlines()
    batched = as_on_a_gpu(generator)
    alone = [np.asarray(generator.generate([request])[0]).astype(int) for request in REQUESTS]
    assert {image.shape for image in alone} == {alone[0].shape}
    assert np.abs(alone[0] - alone[1]).max() > 0
    for batch in (5,) if name in SLOW else (2, 5):
        images = [
            np.asarray(image).astype(int)
            for start in range(0, len(REQUESTS), batch)
            for image in batched.generate(REQUESTS[start : start + batch])
        ]
        assert max(np.abs(one - other).max() for one, other in zip(alone, images, strict=True)) <= 1


def test_prompts_share_a_call_only_where_they_are_padded_alike(tmp_path: Path) -> None:
    together = {
        name: as_on_a_gpu(load(name, save_toy(name, tmp_path / name))[0])._call.prompts_together
        for name in ("Stable Diffusion", "SD3", "CogView4")
    }
    assert together == {"Stable Diffusion": True, "SD3": True, "CogView4": False}


def test_the_table_has_a_row_for_every_toy() -> None:
    rows = [line for line in TABLE.read_text(encoding="utf-8").splitlines() if "Pipeline`" in line]
    assert [line.split(" | ")[0].removeprefix("| ") for line in rows] == list(TOYS)
