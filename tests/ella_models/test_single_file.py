"""Checkpoints in the original layout, one file, as community models come."""

from __future__ import annotations

import re
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

Draw = Callable[..., torch.Tensor]
State = Mapping[str, torch.Tensor]

BLOCKS_PER_LEVEL = 1
UNET_RESNET = {
    "norm1": "in_layers.0",
    "conv1": "in_layers.2",
    "time_emb_proj": "emb_layers.1",
    "norm2": "out_layers.0",
    "conv2": "out_layers.3",
    "conv_shortcut": "skip_connection",
}
UNET_ENDS = {
    "conv_in": "input_blocks.0.0",
    "time_embedding.linear_1": "time_embed.0",
    "time_embedding.linear_2": "time_embed.2",
    "conv_norm_out": "out.0",
    "conv_out": "out.2",
}
VAE_ATTENTION = {"group_norm": "norm", "to_q": "q", "to_k": "k", "to_v": "v", "to_out.0": "proj_out"}


def unet_key(key: str) -> str:
    for ours, original in UNET_ENDS.items():
        if key.startswith(f"{ours}."):
            return key.replace(ours, original, 1)
    if found := re.match(r"mid_block\.(resnets|attentions)\.(\d+)\.(.*)", key):
        kind, index, rest = found.groups()
        return f"middle_block.{1 if kind == 'attentions' else 2 * int(index)}.{resnet(rest)}"
    found = re.match(r"(down|up)_blocks\.(\d+)\.(\w+)\.(\d+)\.(.*)", key)
    assert found, key
    side, level, kind, index, rest = found[1], int(found[2]), found[3], int(found[4]), found[5]
    if side == "down":
        first = 1 + level * (BLOCKS_PER_LEVEL + 1)
        if kind == "downsamplers":
            return f"input_blocks.{first + BLOCKS_PER_LEVEL}.0.{rest.replace('conv', 'op')}"
        return f"input_blocks.{first + index}.{int(kind == 'attentions')}.{resnet(rest)}"
    first = level * (BLOCKS_PER_LEVEL + 1)
    if kind == "upsamplers":
        # beside the level's last block, after its attention if it has one; the toy's first level has none
        return f"output_blocks.{first + BLOCKS_PER_LEVEL}.1.{rest}"
    return f"output_blocks.{first + index}.{int(kind == 'attentions')}.{resnet(rest)}"


def resnet(rest: str) -> str:
    layer = rest.split(".", maxsplit=1)[0]
    return rest.replace(layer, UNET_RESNET.get(layer, layer), 1)


def vae_key(key: str, levels: int) -> str:
    key = key.replace("conv_norm_out", "norm_out").replace("conv_shortcut", "nin_shortcut")
    if found := re.match(r"(.*)mid_block\.attentions\.0\.(.*)", key):
        layer = next(ours for ours in VAE_ATTENTION if found[2].startswith(ours))
        return f"{found[1]}mid.attn_1.{found[2].replace(layer, VAE_ATTENTION[layer], 1)}"
    key = re.sub(r"mid_block\.resnets\.(\d)", lambda found: f"mid.block_{int(found[1]) + 1}", key)
    key = re.sub(r"down_blocks\.(\d)\.resnets", r"down.\1.block", key)
    key = re.sub(r"down_blocks\.(\d)\.downsamplers\.0", r"down.\1.downsample", key)
    key = re.sub(r"up_blocks\.(\d)\.resnets", lambda found: f"up.{levels - 1 - int(found[1])}.block", key)
    return re.sub(r"up_blocks\.(\d)\.upsamplers\.0", lambda found: f"up.{levels - 1 - int(found[1])}.upsample", key)


def original_layout(pipe: StableDiffusionPipeline) -> dict[str, torch.Tensor]:
    levels = len(pipe.vae.config.block_out_channels)
    state = {f"model.diffusion_model.{unet_key(key)}": value for key, value in pipe.unet.state_dict().items()}
    for key, value in pipe.vae.state_dict().items():
        convolution = "attentions" in key and value.ndim == 2  # linear layers in diffusers
        state[f"first_stage_model.{vae_key(key, levels)}"] = value[..., None, None] if convolution else value
    for key, value in pipe.text_encoder.state_dict().items():
        name = key if key.startswith("text_model.") else f"text_model.{key}"
        state[f"cond_stage_model.transformer.{name}"] = value
    return {key: value.contiguous().clone() for key, value in state.items()}


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
