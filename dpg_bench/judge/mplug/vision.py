"""mPLUG's image encoder: the CLIP vision transformer over all its tokens, without the final projection.

The parameters have the checkpoint's names, but for `in_proj` (see `model.checkpoint_name`). Letters: B images, P tokens
(class token first), D width.
Source: CLIP (arXiv 2103.00020, section 2.4); modelscope 1.40.2, `models/multi_modal/mplug/clip`.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpg_bench.judge.mplug.attention import split_heads
from dpg_bench.judge.mplug.config import VisionConfig
from dpg_bench.judge.mplug.precision import Linear

HEAD_WIDTH = 64


def _quick_gelu_(hidden: Tensor) -> Tensor:
    """CLIP's x · sigmoid(1.702 x), in place on contiguous `hidden`."""
    rows = hidden.flatten(0, -2)
    step = 64 if hidden.device.type == "cpu" else len(rows)  # on a CPU, as much as stays in its cache
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        part.mul_((1.702 * part).sigmoid_())
    return hidden


class SelfAttention(nn.Module):
    """Multi-head self-attention with one projection for queries, keys and values."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.heads = width // HEAD_WIDTH
        self.in_proj = Linear(width, 3 * width)
        self.out_proj = Linear(width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, P, D) → (B, P, D)."""
        queries, keys, values = (split_heads(part, self.heads) for part in self.in_proj(tokens).chunk(3, dim=-1))
        if tokens.device.type == "cpu":  # keys 12 kB apart fall into few cache sets, which costs a fifth of the time
            keys, values = keys.contiguous(), values.contiguous()
        attended = functional.scaled_dot_product_attention(queries, keys, values)
        output: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return output


class Mlp(nn.Module):
    """The feed-forward part, four times as wide, with CLIP's quick GELU: x · sigmoid(1.702 x)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = Linear(width, 4 * width)
        self.c_proj = Linear(4 * width, width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, P, D) → (B, P, D)."""
        output: Tensor = self.c_proj(_quick_gelu_(self.c_fc(tokens)))
        return output


class Block(nn.Module):
    """Pre-LayerNorm attention and feed-forward, each with a residual."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.attn = SelfAttention(width)
        self.ln_1 = nn.LayerNorm(width)
        self.mlp = Mlp(width)
        self.ln_2 = nn.LayerNorm(width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, P, D) → (B, P, D)."""
        tokens = tokens + self.attn(self.ln_1(tokens))
        normed: Tensor = self.ln_2(tokens)
        return tokens.add(self.mlp(normed))


class Blocks(nn.Module):
    """The stack of blocks."""

    def __init__(self, width: int, layers: int) -> None:
        super().__init__()
        self.resblocks = nn.ModuleList(Block(width) for _ in range(layers))


class VisionTransformer(nn.Module):
    """Pixels to image tokens."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        width, patch = config.clip_vision_width, config.clip_vision_patch_size
        self.class_embedding = nn.Parameter(torch.empty(width))
        self.positional_embedding = nn.Parameter(torch.empty(config.tokens, width))
        self.conv1 = nn.Conv2d(3, width, kernel_size=patch, stride=patch, bias=False)
        self.ln_pre = nn.LayerNorm(width)
        self.transformer = Blocks(width, config.clip_vision_layers)
        self.ln_post = nn.LayerNorm(width)

    def forward(self, pixels: Tensor) -> Tensor:
        """Normalised pixels (B, 3, height, width) → tokens (B, P, D)."""
        # The convolution as a matrix product: exact in float32, where PyTorch lets a GPU's convolutions use TF32.
        side = self.conv1.kernel_size[0]
        images, channels, height, width = pixels.shape
        cut = pixels.reshape(images, channels, height // side, side, width // side, side).permute(0, 2, 4, 1, 3, 5)
        patches = functional.linear(cut.flatten(3).flatten(1, 2), self.conv1.weight.flatten(1))
        first = self.class_embedding.expand(len(pixels), 1, -1)
        tokens = self.ln_pre(torch.cat([first, patches], dim=1) + self.positional_embedding)
        for block in self.transformer.resblocks:
            tokens = block(tokens)
        output: Tensor = self.ln_post(tokens)
        return output


class VisualEncoder(nn.Module):
    """The checkpoint's CLIP, of which the vision half is in use."""

    def __init__(self, config: VisionConfig) -> None:
        super().__init__()
        self.visual = VisionTransformer(config)
