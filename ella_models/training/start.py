"""The connector that training starts from."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import torch
from torch import nn

from ella_models.connector import CONNECTOR_PRESETS, EllaConnector
from ella_models.connector.layers import AdaLN
from ella_models.errors import EllaError
from ella_models.text_encoder import TextOptions, check_width
from ella_models.training.config import TrainingConfig
from ella_models.weights import load_connector


def starting_connector(config: TrainingConfig, *, text_width: int, condition_width: int) -> EllaConnector:
    """The connector to train: new ones from the seed, or the weights that `connector.start` names.

    The shifts and scales of AdaLN start at zero, as in the authors' `model.py` at 4e477e9; the rest is drawn.

    Raises EllaError for an unknown preset, impossible sizes, and weights that don't fit.
    """
    section = config.connector
    text_options = TextOptions(**config.text.model_dump()).changed()
    if section.start is not None:
        loaded = load_connector(section.start)
        check_width(text_width, loaded.sizes)
        if loaded.sizes.width != condition_width:
            raise EllaError(
                f"'{section.start}' writes a condition of width {loaded.sizes.width}, but the U-Net reads one of "
                f"{condition_width}."
            )
        if loaded.text_options != text_options:
            raise EllaError(
                f"'{section.start}' was trained with text options {loaded.text_options}, but the configuration "
                f"says {text_options}."
            )
        loaded.requires_grad_(True)
        loaded.train()
        return loaded
    if section.preset not in CONNECTOR_PRESETS:
        raise EllaError(f"Unknown connector preset '{section.preset}'; known are {', '.join(CONNECTOR_PRESETS)}.")
    changes: dict[str, Any] = section.model_dump(exclude={"preset", "start"}, exclude_none=True)
    sizes = replace(CONNECTOR_PRESETS[section.preset], width=condition_width, input_dim=text_width, **changes)
    if sizes.pooled_dim is not None:
        raise EllaError("Training knows Stable Diffusion 1.x; a connector with a pool is for SDXL.")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(config.seed)
        connector: EllaConnector = EllaConnector.from_sizes(sizes, text_options=text_options)
    for layer in connector.modules():
        if isinstance(layer, AdaLN):
            nn.init.zeros_(layer.linear.weight)
            nn.init.zeros_(layer.linear.bias)
    connector.train()
    return connector
