"""A toy Stable Diffusion in the original layout, as community models come: the names that diffusers translates from."""

from __future__ import annotations

import re
from typing import Any

import torch

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
        return f"output_blocks.{first + BLOCKS_PER_LEVEL}.1.{rest}"  # toys have no attention at their first level
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


def original_layout(pipe: Any) -> dict[str, torch.Tensor]:
    levels = len(pipe.vae.config.block_out_channels)
    state = {f"model.diffusion_model.{unet_key(key)}": value for key, value in pipe.unet.state_dict().items()}
    for key, value in pipe.vae.state_dict().items():
        convolution = "attentions" in key and value.ndim == 2  # linear layers in diffusers
        state[f"first_stage_model.{vae_key(key, levels)}"] = value[..., None, None] if convolution else value
    for key, value in pipe.text_encoder.state_dict().items():
        name = key if key.startswith("text_model.") else f"text_model.{key}"
        state[f"cond_stage_model.transformer.{name}"] = value
    return {key: value.contiguous().clone() for key, value in state.items()}
