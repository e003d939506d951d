"""How many images to make at once where `--batch-size` isn't given."""

from __future__ import annotations

from dpg_bench.generate.base import GeneratorSettings, MemoryNeed, ModelSpec
from dpg_bench.generate.models.unet import is_cuda

CPU_BATCH = 8
GPU_BATCH = 16
LARGEST_BATCH = 32
_USED_SHARE = 0.8  # of what is free; the rest is for libraries' workspaces and for gaps between allocations
_REFERENCE_SIZE = 512


def default_batch_size(spec: ModelSpec, settings: GeneratorSettings) -> int:
    """Images in a batch: what fits into a CUDA GPU's free memory for models whose need is known, else a constant."""
    if settings.device.startswith("cpu"):
        return CPU_BATCH
    if not is_cuda(settings.device) or spec.memory is None:
        return GPU_BATCH
    import torch

    free, _ = torch.cuda.mem_get_info(settings.device)
    return fitting_batch_size(spec.memory, settings, free_bytes=free)


def fitting_batch_size(memory: MemoryNeed, settings: GeneratorSettings, *, free_bytes: int) -> int:
    """The largest power of two, 1 to 32, whose batch fits into `free_bytes` beside the weights, with room to spare.

    Should it not fit after all, the stage halves it; if nothing fits, 1 it is, and loading or the item says so.
    """
    bytes_each = 4 if settings.dtype == "float32" else 2
    area = ((settings.size or _REFERENCE_SIZE) / _REFERENCE_SIZE) ** 2
    left = _USED_SHARE * free_bytes - bytes_each * memory.parameters
    fits = int(left / (bytes_each * memory.values_per_image * area))
    return min(LARGEST_BATCH, 1 << max(fits.bit_length() - 1, 0)) if fits > 0 else 1
