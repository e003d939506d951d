"""What `run.json` keeps of a diffusers pipeline."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from dpg_bench.hub.huggingface import Weights


def pipeline_provenance(pipeline: Any, weights: Mapping[str, Weights]) -> dict[str, Any]:
    """What `run.json` keeps of a pipeline: its class, where each part's weights are from, and its scheduler."""
    return {
        "pipeline": type(pipeline).__name__,
        "weights": {part: found.record() for part, found in weights.items()},
        "scheduler": {"class": type(pipeline.scheduler).__name__, "config": _plain(pipeline.scheduler.config)},
    }


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    """A diffusers configuration as JSON holds it, without its private keys."""
    return {key: _finite(value) for key, value in sorted(config.items()) if not key.startswith("_")}


def _finite(value: Any) -> Any:
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value
