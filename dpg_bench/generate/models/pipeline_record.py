"""What `run.json` keeps of a diffusers pipeline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

from dpg_bench.generate.models.lora import AppliedLora
from dpg_bench.hub.huggingface import Weights

Recorded: TypeAlias = Mapping[str, Weights | AppliedLora]
"""Parts of a pipeline by name, for its record."""


def pipeline_provenance(pipeline: Any, weights: Recorded) -> dict[str, Any]:
    """What `run.json` keeps of a pipeline: its class, where each part's weights are from, and its scheduler."""
    return {
        "pipeline": type(pipeline).__name__,
        "weights": {part: found.record() for part, found in weights.items()},
        **_schedulers(pipeline),
    }


def _schedulers(pipeline: Any) -> dict[str, Any]:
    """Every scheduler by its component's name; pipelines in two stages have two."""
    from diffusers import SchedulerMixin

    return {
        name: {"class": type(part).__name__, "config": _plain(part.config)}
        for name, part in pipeline.components.items()
        if isinstance(part, SchedulerMixin)
    }


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """A diffusers configuration as JSON holds it, without its private keys."""
    return {key: _finite(value) for key, value in sorted(config.items()) if not key.startswith("_")}


def _finite(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
