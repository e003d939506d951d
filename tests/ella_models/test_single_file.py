"""Checkpoints in the original layout, one file, as community models come."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from safetensors.torch import save_file

from ella_models import (
    EllaConnector,
    EllaError,
    EllaPipeline,
    EllaStableDiffusionImg2ImgPipeline,
    EllaStableDiffusionPipeline,
    T5TextEncoder,
)
from tests.original_layout import original_layout

Draw = Callable[..., torch.Tensor]
State = Mapping[str, torch.Tensor]


@pytest.fixture
def checkpoint(stable_diffusion: StableDiffusionPipeline, tmp_path: Path) -> Path:
    """The toy checkpoint as one file, and beside it its sizes in diffusers form."""
    stable_diffusion.save_pretrained(tmp_path / "sizes")
    for weights in (tmp_path / "sizes").rglob("*.safetensors"):
        weights.unlink()
    save_file(original_layout(stable_diffusion), tmp_path / "community.safetensors")
    return tmp_path / "community.safetensors"


def test_a_single_file_with_its_clip_draws_what_the_folder_draws(
    checkpoint: Path,
    stable_diffusion: StableDiffusionPipeline,
    connector: EllaConnector,
    t5: T5TextEncoder,
    draw: Draw,
) -> None:
    both = EllaPipeline.from_pipe(stable_diffusion, ella=connector, text_encoder=t5)
    loaded = EllaStableDiffusionPipeline.from_single_file(
        checkpoint, ella=connector, text_encoder=t5, clip=True, config=str(checkpoint.parent / "sizes")
    )
    for way in ({"output_type": "pt"}, {"clip": True}):
        torch.testing.assert_close(draw(loaded, "a b", **way), draw(both, "a b", **way), atol=1e-5, rtol=0)
    image = EllaStableDiffusionImg2ImgPipeline.from_single_file(
        checkpoint, ella=connector, text_encoder=t5, config=str(checkpoint.parent / "sizes")
    )
    assert image.clip_text_encoder is None
    assert image("a b", image=torch.rand(1, 3, 16, 16), num_inference_steps=2, output_type="pt").images.shape[-1] == 16


def test_the_precision_of_a_single_file_is_the_asked_one_or_its_own(
    checkpoint: Path, stable_diffusion: StableDiffusionPipeline, connector: EllaConnector, t5: T5TextEncoder
) -> None:
    parts = {"ella": connector, "text_encoder": t5, "config": str(checkpoint.parent / "sizes")}
    half = EllaStableDiffusionPipeline.from_single_file(checkpoint, dtype=torch.bfloat16, **parts)
    assert half.unet.dtype == half.vae.dtype == half.connector.dtype == torch.bfloat16
    state = {key: value.half() for key, value in original_layout(stable_diffusion).items()}
    save_file(state, checkpoint.with_name("half.safetensors"))
    auto = EllaStableDiffusionPipeline.from_single_file(checkpoint.with_name("half.safetensors"), dtype="auto", **parts)
    assert auto.unet.dtype == auto.vae.dtype == auto.connector.dtype == torch.float16


def test_what_a_single_file_lacks_is_one_clear_error(
    checkpoint: Path, connector: EllaConnector, t5: T5TextEncoder
) -> None:
    load = EllaStableDiffusionPipeline.from_single_file
    with pytest.raises(EllaError, match=r"There is no file '/no/where\.safetensors'"):
        load("/no/where.safetensors", ella=connector, text_encoder=t5)
    with pytest.raises(EllaError, match="text_encoder was not given"):
        load(checkpoint, ella=connector)
    with pytest.raises(EllaError, match="unless config= names a folder in diffusers form"):
        load(checkpoint, ella=connector, text_encoder=t5)
