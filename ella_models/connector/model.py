"""The connector as a model: text features and a timestep → the U-Net's text condition.

Axes: B rows (one prompt at one timestep each), S text positions, C width of the text features,
L tokens of the condition, D width of the connector, E width of the time embedding.

Source: ELLA, arXiv 2403.05135, section 3.2; layout and parameter names as in its `model.py` at 3c228f1, so that the
released `ella-sd1.5-tsc-t5xl.safetensors` loads unchanged.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Self

from diffusers.configuration_utils import ConfigMixin, register_to_config
from diffusers.models.modeling_utils import ModelMixin
from torch import Tensor, nn

from ella_models.connector.config import ConnectorConfig, ConnectorKind
from ella_models.connector.layers import AttentionPool, TimeEmbedding, timestep_features
from ella_models.connector.resampler import PerceiverResampler, TokenMLP
from ella_models.errors import EllaError


class EllaConnector(ModelMixin, ConfigMixin):  # type: ignore[misc]
    """ELLA's connector as a diffusers model: it saves, loads, casts and offloads like any other component.

    New ones are untrained, drawn from torch's global generator; `from_pretrained` loads trained ones.
    """

    @register_to_config  # type: ignore[untyped-decorator]
    def __init__(
        self,
        *,
        time_channel: int,
        time_embed_dim: int,
        width: int,
        layers: int,
        heads: int,
        num_latents: int,
        input_dim: int,
        kind: ConnectorKind = "tsc",
        pooled_dim: int | None = None,
        text_options: dict[str, Any] | None = None,  # noqa: ARG002 - recorded in the config
    ) -> None:
        super().__init__()
        self.sizes = ConnectorConfig(
            time_channel, time_embed_dim, width, layers, heads, num_latents, input_dim, kind, pooled_dim
        )
        self.time_embedding = TimeEmbedding(time_channel, time_embed_dim) if self.sizes.timestep_aware else None
        self.connector = TokenMLP(self.sizes) if kind == "mlp" else PerceiverResampler(self.sizes)
        self.pool = None if pooled_dim is None else AttentionPool(width, heads, pooled_dim)

    @classmethod
    def from_sizes(cls, sizes: ConnectorConfig, *, text_options: Mapping[str, Any] | None = None) -> Self:
        """An untrained connector of this kind and these sizes, for text read as `text_options` say."""
        connector: Self = cls(**asdict(sizes), text_options=dict(text_options) if text_options else None)
        return connector

    @property
    def text_options(self) -> dict[str, Any]:
        """How its text encoder must read prompts, where that isn't the default (see `TextOptions`)."""
        return dict(self.config.text_options or {})

    @classmethod
    def from_pretrained(cls, source: str | os.PathLike[str], **kwargs: Any) -> Self:
        """Load a trained connector, in evaluation mode.

        `source` is what `save_pretrained` wrote, here or on the Hub, with diffusers' own arguments; or a
        `.safetensors` file or the released repository, as `ella_models.load_connector` reads them, with `dtype` (or
        `torch_dtype`) and `revision` alone.

        Raises EllaError as `load_connector` does; what diffusers raises for a folder of its own.
        """
        from ella_models.weights import RELEASED_REPOSITORY, load_connector

        released = os.fspath(source) == RELEASED_REPOSITORY
        if not released and Path(source).suffix != ".safetensors":
            loaded: Self = super().from_pretrained(source, **kwargs)
            return loaded
        given = {"dtype": kwargs.pop("dtype", None) or kwargs.pop("torch_dtype", None)}
        given["revision"] = kwargs.pop("revision", None)
        if kwargs:
            raise EllaError(f"A connector's file '{source}' is loaded without {', '.join(sorted(kwargs))}.")
        return load_connector(source, **{name: value for name, value in given.items() if value is not None})

    def forward(self, text: Tensor, timestep: Tensor, visible: Tensor | None = None) -> Tensor:
        """The U-Net's text condition for each row.

        `text` (B, S, C) holds text features and `timestep` (B,) or a scalar the timestep, 0 to 999. `visible` (B, S)
        is true where a position exists for the row; `None` shows all. What is not visible changes nothing, so prompts
        of different length fit in one batch. Returns (B, L, D) in the parameters' dtype.

        Raises EllaError for an `mlp`, which gives a token per position, if not all are visible: the U-Net would read
        those that don't exist.
        """
        if self.sizes.kind == "mlp" and visible is not None and not bool(visible.all()):
            raise EllaError(
                "An mlp connector gives the U-Net one token per text position, so all prompts of a batch must have "
                "the same length: use length='fixed'."
            )
        time = None
        if self.time_embedding is not None:
            timesteps = timestep.to(text.device).reshape(-1).expand(len(text))
            features = timestep_features(timesteps, self.sizes.time_channel).to(self.dtype)
            time = nn.functional.silu(self.time_embedding(features))
        tokens: Tensor = self.connector(text.to(self.dtype), time, visible)
        return tokens

    def pooled(self, tokens: Tensor) -> Tensor:
        """The pooled embedding (B, `pooled_dim`) of a condition (B, L, D), as SDXL reads it beside the tokens.

        Raises EllaError for a connector without a pool.
        """
        if self.pool is None:
            raise EllaError("This connector has no attention pool: its config gives no pooled_dim.")
        pooled: Tensor = self.pool(tokens)
        return pooled
