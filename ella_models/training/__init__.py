"""Training of connectors: from image-text pairs to a file that the pipeline loads.

>>> config = TrainingConfig(output="runs/mine", data={"folder": "pairs"})  # doctest: +SKIP
>>> train(config).connector  # doctest: +SKIP
PosixPath('runs/mine/ella.safetensors')
"""

from __future__ import annotations

from importlib import import_module

TYPE_CHECKING = False  # typing's own takes a while to import, and the entry points begin here
if TYPE_CHECKING:
    from typing import Any

    from ella_models.training.caption_models import LocalCaptioner
    from ella_models.training.caption_server import ServerCaptioner
    from ella_models.training.captioning import Captioned, caption
    from ella_models.training.config import TrainingConfig
    from ella_models.training.config_file import read_config
    from ella_models.training.loop import train
    from ella_models.training.precomputing import Precomputed, precompute
    from ella_models.training.records import TrainingResult, TrainingStep

__all__ = [
    "Captioned",
    "LocalCaptioner",
    "Precomputed",
    "ServerCaptioner",
    "TrainingConfig",
    "TrainingResult",
    "TrainingStep",
    "caption",
    "precompute",
    "read_config",
    "train",
]

_HOME_OF = {
    "Captioned": "captioning",
    "LocalCaptioner": "caption_models",
    "Precomputed": "precomputing",
    "ServerCaptioner": "caption_server",
    "TrainingConfig": "config",
    "TrainingResult": "records",
    "TrainingStep": "records",
    "caption": "captioning",
    "precompute": "precomputing",
    "read_config": "config_file",
    "train": "loop",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used, so that `ella --help` loads no torch."""
    if name in _HOME_OF:
        return getattr(import_module(f"ella_models.training.{_HOME_OF[name]}"), name)
    raise AttributeError(f"module 'ella_models.training' has no attribute {name!r}")
