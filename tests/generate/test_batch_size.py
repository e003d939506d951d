"""The batch size that is chosen: within memory, the more the more there is, and a constant where nothing is known."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpg_bench.generate.base import GeneratorSettings, MemoryNeed
from dpg_bench.generate.batching import default_batch_size, fitting_batch_size
from dpg_bench.generate.registry import find_model
from dpg_bench.plugins import NoOptions

SETTINGS = GeneratorSettings("m", NoOptions(), size=512, steps=50, guidance=7.5, device="cuda", dtype="float16")
NEED = MemoryNeed(parameters=1_000_000_000, values_per_image=250_000_000)


@given(
    free=st.integers(0, 200 * 10**9),
    size=st.sampled_from([64, 512, 768, 1024]),
    dtype=st.sampled_from(["float16", "bfloat16", "float32"]),
)
def test_a_batch_fits_and_twice_as_many_would_not_or_are_not_wanted(free: int, size: int, dtype: str) -> None:
    settings = replace(SETTINGS, size=size, dtype=dtype)
    batch = fitting_batch_size(NEED, settings, free_bytes=free)
    width = 4 if dtype == "float32" else 2

    def taken(images: int) -> float:
        return width * (NEED.parameters + images * NEED.values_per_image * (size / 512) ** 2)

    assert batch in (1, 2, 4, 8, 16, 32)
    assert batch == 1 or taken(batch) <= 0.8 * free
    assert batch == 32 or taken(2 * batch) > 0.8 * free


@pytest.mark.parametrize(("gigabytes", "sd15", "ella"), [(8, 8, 2), (16, 16, 16), (24, 32, 16), (80, 32, 32)])
def test_small_gpus_get_small_batches(gigabytes: int, sd15: int, ella: int) -> None:
    found = [
        fitting_batch_size(memory, SETTINGS, free_bytes=gigabytes * 10**9)
        for name in ("sd15", "ella-sd15")
        if (memory := find_model(name).memory) is not None
    ]
    assert found == [sd15, ella]


def test_where_memory_is_unknown_the_batch_size_is_a_constant(
    make_settings: Callable[..., GeneratorSettings], tiny_folder: object
) -> None:
    spec = find_model("sd15")
    assert default_batch_size(spec, make_settings("sd15", device="cpu")) == 8
    assert default_batch_size(spec, make_settings("sd15", device="cpu:0")) == 8
    assert default_batch_size(spec, make_settings("sd15", device="mps")) == 16
    other = f"diffusers:{tiny_folder}"
    assert default_batch_size(find_model(other), make_settings(other, device="cuda")) == 16
    tiny = find_model("tiny-ella-sd15")
    assert default_batch_size(tiny, make_settings(tiny.name, device="cuda")) == 16
