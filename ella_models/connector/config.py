"""What a connector is built from: its kind and its sizes, as they lie beside the weights."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Literal, get_args

from ella_models.errors import EllaError

ConnectorKind = Literal["mlp", "resampler", "adaln-zero", "tsc"]
CONNECTOR_KINDS: tuple[ConnectorKind, ...] = get_args(ConnectorKind)


_MOST_LAYERS, _MOST = 1000, 1 << 20  # far above any, so that what a stranger's file says can't fill the memory


@dataclass(frozen=True, slots=True)
class ConnectorConfig:
    """The kind and the sizes of a connector.

    `kind` is one of the paper's ablation (arXiv 2403.05135, table 6):

    - `mlp`: two linear layers with a GELU between; one token per text position, timesteps change nothing;
    - `resampler`: learned latents that attend to the text, LayerNorms of their own; timesteps change nothing;
    - `adaln-zero`: the resampler whose LayerNorms get shift and scale from the timestep, with gates that start at zero;
    - `tsc`: the same without the gates, the paper's timestep-aware semantic connector.

    `mlp` uses `width` and `input_dim` alone, `resampler` all but the two time sizes. `pooled_dim` is the width of the
    pooled embedding that SDXL reads beside the tokens, from an attention pool over them; `None` is no pool.

    Raises EllaError for an unknown kind, a size below 1, a width that the heads don't divide, and an odd
    `time_channel`.
    """

    time_channel: int
    time_embed_dim: int
    width: int
    layers: int
    heads: int
    num_latents: int
    input_dim: int
    kind: ConnectorKind = "tsc"
    pooled_dim: int | None = None

    def __post_init__(self) -> None:
        if self.kind not in CONNECTOR_KINDS:
            raise EllaError(f"The connector's kind must be one of {', '.join(CONNECTOR_KINDS)}, not {self.kind!r}.")
        for name in SIZE_NAMES:
            size = getattr(self, name)
            if name == "pooled_dim" and size is None:
                continue
            most = _MOST_LAYERS if name == "layers" else _MOST
            if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= most:
                raise EllaError(f"The connector's {name} must be a whole number from 1 to {most}, not {size!r:.40}.")
        if self.width % self.heads:
            raise EllaError(f"The connector's width {self.width} does not divide into {self.heads} heads.")
        if self.time_channel % 2:
            raise EllaError(f"The connector's time_channel must be even, not {self.time_channel}.")

    @property
    def timestep_aware(self) -> bool:
        """Whether the timestep changes what the connector gives."""
        return self.kind in {"adaln-zero", "tsc"}


SIZE_NAMES = tuple(field.name for field in fields(ConnectorConfig) if field.name != "kind")

_TSC = ConnectorConfig(
    time_channel=320, time_embed_dim=768, width=768, layers=6, heads=8, num_latents=64, input_dim=2048
)

CONNECTOR_PRESETS = {
    "sd1.5-t5xl": _TSC,
    "tsc": _TSC,
    "adaln-zero": replace(_TSC, kind="adaln-zero"),
    "resampler-6": replace(_TSC, kind="resampler"),
    "resampler-1": replace(_TSC, kind="resampler", layers=1),
    "mlp": replace(_TSC, kind="mlp"),
    "sdxl": replace(_TSC, time_embed_dim=2048, width=2048, pooled_dim=1280),
}
"""Connectors of the paper, for text features of width 2048 (`replace(preset, input_dim=…)` for others).

`sd1.5-t5xl` (also `tsc`) is the released one. Never released: the other four of the ablation, which have the paper's
numbers of parameters, and `sdxl`, which has the paper's 0.47 B. Its authors' only statement is that an attention pool
makes the pooled 1 × 1280 from 77 × 2048; the paper draws 64 latents, so `num_latents=77` is the other reading. Its
heads and the pool's inside are ours.
"""
