"""Latents to images: the levels that diffusers' pixels round to, whatever is decoded at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from dpg_bench.errors import DpgBenchError
from dpg_bench.generate.base import GeneratorSettings
from dpg_bench.generate.models.decode import DECODED_AT_ONCE, decode_images, pixels_to_images
from dpg_bench.generate.models.stable_diffusion import Base, load_base
from dpg_bench.generate.models.tiny_weights import tiny_base


@pytest.fixture
def pipeline(make_settings: Callable[..., GeneratorSettings], request: pytest.FixtureRequest) -> Any:
    return load_base(Base(tiny_base()), make_settings("tiny-sd15", dtype=getattr(request, "param", "float32")))


@pytest.mark.parametrize("pipeline", ["float32", "bfloat16"], indirect=True)
def test_levels_are_those_of_diffusers_pixels(pipeline: Any) -> None:
    latents = torch.randn(DECODED_AT_ONCE, 4, 8, 8, generator=torch.Generator().manual_seed(0)).to(pipeline.vae.dtype)
    with torch.inference_mode():
        decoded = pipeline.vae.decode(latents / pipeline.vae.config.scaling_factor).sample
    expected = pixels_to_images(pipeline.image_processor.postprocess(decoded, output_type="np"), dtype="float32")
    assert [image.tobytes() for image in decode_images(pipeline, latents)] == [image.tobytes() for image in expected]


def test_a_batch_is_decoded_in_parts_of_bounded_size(pipeline: Any) -> None:
    latents = torch.randn(2 * DECODED_AT_ONCE + 1, 4, 8, 8, generator=torch.Generator().manual_seed(1))
    rows: list[int] = []
    pipeline.vae.decoder.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    together = np.stack([np.asarray(image).astype(int) for image in decode_images(pipeline, latents)])
    assert rows == [DECODED_AT_ONCE, DECODED_AT_ONCE, 1]
    alone = np.stack([np.asarray(decode_images(pipeline, one[None])[0]).astype(int) for one in latents])
    assert np.abs(together - alone).max() <= 1


def test_one_broken_image_among_others_is_refused(pipeline: Any) -> None:
    latents = torch.zeros(2 * DECODED_AT_ONCE, 4, 8, 8)
    latents[1, 0, 0, 0] = float("nan")
    with pytest.raises(DpgBenchError, match=r"overflows in float32\. Its weights may be damaged"):
        decode_images(pipeline, latents)


def test_pixels_just_outside_are_cut_off_and_another_range_is_an_error() -> None:
    edges = np.array([[[-0.003, 0.0, 1.0], [1.003, 0.5, 1.002]]], dtype=np.float32)
    (image,) = pixels_to_images([edges], dtype="float32")
    assert np.asarray(image).tolist() == [[[0, 0, 255], [255, 128, 255]]]
    with pytest.raises(DpgBenchError, match="from 0 to 255, and not from 0 to 1"):
        pixels_to_images([np.array([[[0, 128, 255]]], dtype=np.uint8)], dtype="float32")
    with pytest.raises(DpgBenchError, match="from -1 to 1, and not from 0 to 1"):
        pixels_to_images([np.array([[[-1, 0, 1]]], dtype=np.float32)], dtype="float32")
