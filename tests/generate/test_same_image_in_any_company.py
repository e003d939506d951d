"""An image depends on its own request alone: bit for bit on a CPU, whatever the batch."""

from __future__ import annotations

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpg_bench.generate.base import Generator, GeneratorSettings, ImageRequest
from dpg_bench.generate.models.passes import split_passes
from dpg_bench.generate.models.tiny_weights import tiny_base
from dpg_bench.generate.registry import find_model

PROMPTS = ("", "a red fox", "Three white sheep graze on a hillside under a pale sky; the nearest one wears a bell.")
REQUESTS = [ImageRequest(prompt, seed) for prompt in PROMPTS for seed in (0, 2**63 - 1)]


@cache
def generator(model: str) -> Generator:
    name = model.replace("FOLDER", str(tiny_base().folder))
    options = {"length": "flexible"} if "ella" in name else {}
    spec = find_model(name)
    settings = GeneratorSettings(
        name, spec.options.read(name, options), size=32, steps=2, guidance=7.5, device="cpu", dtype="float32"
    )
    return spec.load(settings)


@cache
def alone(model: str, request: ImageRequest) -> bytes:
    return generator(model).generate([request])[0].tobytes()


@pytest.mark.parametrize("model", ["tiny-sd15", "tiny-ella-sd15", "diffusers:FOLDER"])
@settings(max_examples=6, deadline=None)
@given(batch=st.lists(st.sampled_from(REQUESTS), min_size=1, max_size=9))
def test_batch_size_order_and_neighbours_change_no_byte(model: str, batch: list[ImageRequest]) -> None:
    images = generator(model).generate(batch)
    assert [image.tobytes() for image in images] == [alone(model, request) for request in batch]


def test_a_gpu_takes_a_batch_as_it_is_and_a_cpu_takes_one_shape() -> None:
    fox, sheep = ([ImageRequest(prompt, seed) for seed in range(3)] for prompt in PROMPTS[1:])
    (whole,) = split_passes([*fox, *sheep], "cuda")
    assert whole.requests == (*fox, *sheep)
    assert whole.wanted == 6
    passes = split_passes([*fox, *sheep], "cpu", cpu_images=2)
    assert [part.requests for part in passes] == [
        (fox[0], fox[1]),
        (fox[2], fox[2]),
        (sheep[0], sheep[1]),
        (sheep[2], sheep[2]),
    ]
    assert [part.wanted for part in passes] == [2, 1, 2, 1]
    assert [part.wanted for part in split_passes(fox, "cpu")] == [1, 1, 1]
