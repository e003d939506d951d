"""The layers that connectors are made of.

Axes: B rows, N tokens, M context positions, L latents, D width, E width of the time embedding.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn


def timestep_features(timestep: Tensor, channels: int) -> Tensor:
    """Sinusoids of the timestep, cosines first.

    `timestep` (B,), any number type → (B, channels) float32 in [-1, 1]; frequencies fall geometrically from 1
    towards 1/10000.
    """
    half = channels // 2
    exponents = torch.arange(half, dtype=torch.float32, device=timestep.device) / half
    angles = timestep.float()[:, None] * torch.exp(-math.log(10_000) * exponents)
    return torch.cat([angles.cos(), angles.sin()], dim=-1)


class TimeEmbedding(nn.Module):
    """Sinusoidal features → time embedding, by a two-layer SiLU network."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.linear_1 = nn.Linear(channels, width)
        self.linear_2 = nn.Linear(width, width)

    def forward(self, features: Tensor) -> Tensor:
        """(B, channels) → (B, E)."""
        hidden: Tensor = self.linear_2(nn.functional.silu(self.linear_1(features)))
        return hidden


class AdaLN(nn.Module):
    """Layer normalisation whose shift and scale come from the time embedding."""

    def __init__(self, width: int, time_width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(time_width, 2 * width)
        self.width = width

    def forward(self, x: Tensor, time: Tensor) -> Tensor:
        """Normalise x (B, N, D) by time (B, E), which is after its SiLU → (B, N, D)."""
        shift, scale = self.linear(time)[:, None].chunk(2, dim=-1)
        normed = nn.functional.layer_norm(x, (self.width,), eps=1e-6)
        modulated: Tensor = normed * (1 + scale) + shift
        return modulated


class SquaredReluMLP(nn.Module):
    """Feed-forward layer, four times as wide inside, with a squared ReLU."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.c_fc = nn.Linear(width, 4 * width)
        self.c_proj = nn.Linear(4 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        """(…, D) → (…, D)."""
        hidden: Tensor = self.c_proj(self.c_fc(x).relu().square())
        return hidden


class Attention(nn.Module):
    """Multi-head attention with the parameters of `nn.MultiheadAttention`.

    That class reads its output projection's weights without calling it, which accelerate's offloading by submodule
    does not survive; this one calls it.
    """

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.in_proj_weight = nn.Parameter(torch.empty(3 * width, width))
        self.in_proj_bias = nn.Parameter(torch.zeros(3 * width))
        self.out_proj = nn.Linear(width, width)
        nn.init.xavier_uniform_(self.in_proj_weight)

    def forward(self, latents: Tensor, context: Tensor, visible: Tensor | None) -> Tensor:
        """Latents (B, L, D) look at context (B, M, D) where visible (B, M) bool is true → (B, L, D)."""
        width = latents.shape[-1]
        queries = nn.functional.linear(latents, self.in_proj_weight[:width], self.in_proj_bias[:width])
        keys, values = nn.functional.linear(context, self.in_proj_weight[width:], self.in_proj_bias[width:]).chunk(
            2, -1
        )
        attended = nn.functional.scaled_dot_product_attention(
            self._split(queries),
            self._split(keys),
            self._split(values),
            attn_mask=None if visible is None else visible[:, None, None],
        )
        joined: Tensor = self.out_proj(attended.transpose(1, 2).flatten(2))
        return joined

    def _split(self, x: Tensor) -> Tensor:
        return x.reshape(*x.shape[:2], self.heads, -1).transpose(1, 2)


class AttentionPool(nn.Module):
    """A learned query attends to all tokens, and a linear layer brings what it found to the pooled width.

    The authors say no more than "attention pool"; heads and query are ours.
    """

    def __init__(self, width: int, heads: int, pooled_width: int) -> None:
        super().__init__()
        self.query = nn.Parameter(torch.randn(1, width) * width**-0.5)
        self.attn = Attention(width, heads)
        self.proj = nn.Linear(width, pooled_width)

    def forward(self, tokens: Tensor) -> Tensor:
        """(B, L, D) → (B, pooled width)."""
        found = self.attn(self.query.expand(len(tokens), 1, -1), tokens, None)
        pooled: Tensor = self.proj(found[:, 0])
        return pooled
