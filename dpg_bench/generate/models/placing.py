"""Where a pipeline lies while it works: on its device whole, or there in parts and in main memory otherwise."""

from __future__ import annotations

from typing import Any, Literal, TypeAlias

from dpg_bench.errors import BadInputError
from dpg_bench.generate.base import GeneratorSettings

Offload: TypeAlias = Literal["model", "sequential"]
HELP = "for models larger than the card: a part at a time on it (model), or a layer at a time (sequential, slow)"


def check_offload(offload: Offload | None, device: str) -> None:
    """Raises BadInputError for offloading where there is nothing to offload from."""
    if offload is not None and device.startswith("cpu"):
        raise BadInputError(f"offload={offload} moves parts between a GPU and main memory, but the device is {device}.")


def place(pipeline: Any, settings: GeneratorSettings[Any], *, offload: Offload | None) -> None:
    """Bring the pipeline to the settings' device, as `offload` says."""
    if offload == "model":
        pipeline.enable_model_cpu_offload(device=settings.device)
    elif offload == "sequential":
        pipeline.enable_sequential_cpu_offload(device=settings.device)
    else:
        pipeline.to(settings.device)
