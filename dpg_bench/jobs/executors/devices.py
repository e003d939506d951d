"""The devices that `--devices` names."""

from __future__ import annotations

from dpg_bench.device import resolve_device
from dpg_bench.errors import BadInputError, option


def parse_devices(text: str) -> tuple[str, ...]:
    """`all` → every CUDA GPU of this machine; `0,1` → cuda:0 and cuda:1; `cpu,cpu` → two processes on the CPU.

    Raises BadInputError for devices that aren't there.
    """
    import torch

    if text.strip() == "all":
        present = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if present == 0:
            raise BadInputError(
                f"{option('devices', 'all')} is every CUDA GPU, and torch {torch.__version__} sees none here. Name "
                f"devices, such as {option('devices', 'cpu,cpu')}."
            )
        return tuple(f"cuda:{index}" for index in range(present))
    named = [part.strip() for part in text.split(",")]
    return tuple(resolve_device(f"cuda:{part}" if part.isdecimal() else part) for part in named)
