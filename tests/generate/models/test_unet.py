"""Layout and compilation of the U-Net change when it is fast, never what it makes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch

from dpg_bench.errors import BadInputError
from dpg_bench.generate.base import GeneratorSettings, ImageRequest
from dpg_bench.generate.models.stable_diffusion import Base, StableDiffusionOptions, load_base
from dpg_bench.generate.models.tiny_weights import tiny_base
from dpg_bench.generate.models.unet import SwitchedUNet, compiled_batch, lay_out

LONG = GeneratorSettings(
    "sd15", StableDiffusionOptions(compile="auto"), size=512, steps=50, guidance=7.5, device="cuda:1", dtype="float16"
)


@pytest.fixture
def pipeline(make_settings: Callable[..., GeneratorSettings]) -> Any:
    return load_base(Base(tiny_base()), make_settings("tiny-sd15"))


def noise_of(pipeline: Any, images: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    latents = torch.randn(images, 4, 8, 8, generator=generator)
    condition = torch.randn(images, 77, 32, generator=generator)
    with torch.inference_mode():
        made: torch.Tensor = pipeline.unet(latents, torch.tensor(500), encoder_hidden_states=condition).sample
    return made


def test_only_full_batches_are_compiled_once_as_one_graph_and_noise_stays_the_same(pipeline: Any) -> None:
    graphs: list[Any] = []

    def count(graph: Any, _: Any) -> Any:
        graphs.append(graph)
        return graph

    plain = pipeline.unet
    switched = SwitchedUNet(pipeline, compiled_batch=3, backend=count)
    expected = {images: noise_of(pipeline, images) for images in (2, 3)}
    for images in (3, 2, 3):
        with switched.for_batch(images):
            assert (pipeline.unet is plain) == (images != 3)
            torch.testing.assert_close(noise_of(pipeline, images), expected[images], atol=1e-5, rtol=1e-5)
        assert pipeline.unet is plain
    assert len(graphs) == 1


def test_where_compiling_fails_it_is_said_and_the_next_batch_goes_uncompiled(
    pipeline: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("no compiler on this machine")

    switched = SwitchedUNet(pipeline, compiled_batch=2, backend=broken)
    with pytest.raises(RuntimeError), switched.for_batch(2):
        noise_of(pipeline, 2)
    assert "can't be compiled here" in caplog.text
    with switched.for_batch(2):
        assert noise_of(pipeline, 2).isfinite().all()


def test_channels_last_is_for_half_precision_on_cuda_and_changes_no_pixel_by_more_than_one_level(
    pipeline: Any, load_model: Callable[..., Any], make_settings: Callable[..., GeneratorSettings]
) -> None:
    generator = load_model("tiny-sd15")
    requests = [ImageRequest("a red fox", seed) for seed in range(4)]
    before = np.stack([np.asarray(image).astype(int) for image in generator.generate(requests)])
    inner = generator._pipeline
    for settings in (make_settings("sd15"), make_settings("sd15", device="cuda")):
        lay_out(inner, settings)
        assert not inner.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    lay_out(inner, make_settings("sd15", device="cuda", dtype="float16"))
    assert inner.unet.conv_in.weight.is_contiguous(memory_format=torch.channels_last)
    after = np.stack([np.asarray(image).astype(int) for image in generator.generate(requests)])
    assert np.abs(after - before).max() <= 1


def test_compiling_is_for_long_runs_on_cuda_that_ask_for_it() -> None:
    assert compiled_batch(LONG, batch_size=32, images=4260) == 32
    assert compiled_batch(LONG, batch_size=32, images=32) is None
    assert compiled_batch(replace(LONG, device="cpu"), batch_size=32, images=4260) is None
    assert compiled_batch(replace(LONG, options=StableDiffusionOptions()), batch_size=32, images=4260) is None
    assert (
        compiled_batch(replace(LONG, options=StableDiffusionOptions(compile="off")), batch_size=32, images=4260) is None
    )


@pytest.mark.parametrize("model", ["sd15", "ella-sd15"])
def test_an_unknown_word_for_compile_is_refused(model: str, make_settings: Callable[..., GeneratorSettings]) -> None:
    with pytest.raises(BadInputError, match=r"'compile' of .* is 'yes'; it must be off or auto"):
        make_settings(model, options={"compile": "yes"})
