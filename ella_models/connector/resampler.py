"""Resamplers: text features of any length → a fixed number of tokens, by learned latents that attend to them.

Axes: B rows (one prompt at one timestep each), S text positions, C width of the text features, L learned latents,
D width of the connector, E width of the time embedding.

Source: ELLA, arXiv 2403.05135, section 3.2 and table 6; `tsc` as in its `model.py` at 3c228f1, parameter names
included. The code of the ablation's other kinds is unpublished: they are built to the paper's numbers of parameters.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ella_models.connector.config import ConnectorConfig
from ella_models.connector.layers import AdaLN, Attention, SquaredReluMLP


class TimedBlock(nn.Module):
    """Latents attend to themselves and the text together, then go through the feed-forward layer, all told the time.

    `gated` (`adaln-zero`) scales what both add by gates that depend on the time too and start at zero.
    """

    def __init__(self, config: ConnectorConfig, *, gated: bool) -> None:
        super().__init__()
        width, time_width = config.width, config.time_embed_dim
        self.attn = Attention(width, config.heads)
        self.ln_1 = AdaLN(width, time_width)
        self.ln_2 = AdaLN(width, time_width)
        self.mlp = SquaredReluMLP(width)
        self.ln_ff = AdaLN(width, time_width)
        self.gate: nn.Linear | None = nn.Linear(time_width, 2 * width) if gated else None
        if self.gate is not None:
            nn.init.zeros_(self.gate.weight)
            nn.init.zeros_(self.gate.bias)

    def forward(self, latents: Tensor, text: Tensor, time: Tensor, visible: Tensor | None) -> Tensor:
        """Update the latents (B, L, D) from text (B, S, D) and time (B, E), which is after its SiLU.

        `visible` (B, L + S) bool is true where the attention may look. Returns (B, L, D).
        """
        queries = self.ln_1(latents, time)
        context = torch.cat([queries, self.ln_2(text, time)], dim=1)
        if self.gate is None:
            latents = latents + self.attn(queries, context, visible)
            updated: Tensor = latents + self.mlp(self.ln_ff(latents, time))
            return updated
        attention_gate, mlp_gate = self.gate(time)[:, None].chunk(2, dim=-1)
        latents = latents + attention_gate * self.attn(queries, context, visible)
        gated: Tensor = latents + mlp_gate * self.mlp(self.ln_ff(latents, time))
        return gated


class PlainBlock(nn.Module):
    """The block without time: LayerNorms with weights of their own instead of AdaLN."""

    def __init__(self, config: ConnectorConfig) -> None:
        super().__init__()
        self.attn = Attention(config.width, config.heads)
        self.ln_1 = nn.LayerNorm(config.width)
        self.ln_2 = nn.LayerNorm(config.width)
        self.mlp = SquaredReluMLP(config.width)
        self.ln_ff = nn.LayerNorm(config.width)

    def forward(self, latents: Tensor, text: Tensor, time: Tensor | None, visible: Tensor | None) -> Tensor:  # noqa: ARG002
        """As `TimedBlock`, whatever the time."""
        queries = self.ln_1(latents)
        latents = latents + self.attn(queries, torch.cat([queries, self.ln_2(text)], dim=1), visible)
        updated: Tensor = latents + self.mlp(self.ln_ff(latents))
        return updated


class PerceiverResampler(nn.Module):
    """The learned latents and their blocks: of the kinds `resampler`, `adaln-zero` and `tsc`."""

    def __init__(self, config: ConnectorConfig) -> None:
        super().__init__()
        self.latents = nn.Parameter(torch.randn(config.num_latents, config.width) * config.width**-0.5)
        self.time_aware_linear = nn.Linear(config.time_embed_dim, config.width) if config.timestep_aware else None
        self.proj_in = nn.Linear(config.input_dim, config.width)
        self.perceiver_blocks = nn.ModuleList(
            TimedBlock(config, gated=config.kind == "adaln-zero") if config.timestep_aware else PlainBlock(config)
            for _ in range(config.layers)
        )

    def forward(self, text: Tensor, time: Tensor | None, visible: Tensor | None) -> Tensor:
        """Read text (B, S, C) at time (B, E), after its SiLU, where visible (B, S) bool is true → (B, L, D)."""
        latents: Tensor = self.latents.expand(len(text), -1, -1)
        if self.time_aware_linear is not None:
            latents = latents + self.time_aware_linear(time)[:, None]
        projected = self.proj_in(text)
        if visible is not None:
            visible = nn.functional.pad(visible, (self.latents.shape[0], 0), value=True)
        for block in self.perceiver_blocks:
            latents = block(latents, projected, time, visible)
        return latents


class TokenMLP(nn.Module):
    """Every text position on its own → one token: the kind `mlp`, with LLaVA's two layers and GELU."""

    def __init__(self, config: ConnectorConfig) -> None:
        super().__init__()
        self.proj_in = nn.Linear(config.input_dim, config.width)
        self.proj_out = nn.Linear(config.width, config.width)

    def forward(self, text: Tensor, time: Tensor | None, visible: Tensor | None) -> Tensor:  # noqa: ARG002
        """(B, S, C) → (B, S, D); positions that aren't visible come out as any other."""
        tokens: Tensor = self.proj_out(nn.functional.gelu(self.proj_in(text)))
        return tokens
