"""How many images are made at once, and whole items from batches: failures are pinned to their item."""

from __future__ import annotations

import time
import traceback
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dpg_bench.errors import UnavailableError
from dpg_bench.generate.base import Generator, GeneratorSettings, ImageRequest, MemoryNeed, ModelSpec
from dpg_bench.generate.generation_log import FailedItem, ItemState
from dpg_bench.generate.models.unet import is_cuda
from dpg_bench.generate.plan import ItemPlan, PlannedImage
from dpg_bench.halving import Halving

if TYPE_CHECKING:
    from PIL import Image

CPU_BATCH = 8
GPU_BATCH = 16
LARGEST_BATCH = 32
_USED_SHARE = 0.8  # of what is free; the rest is for libraries' workspaces and for gaps between allocations
_REFERENCE_SIZE = 512


def default_batch_size(spec: ModelSpec[Any], settings: GeneratorSettings[Any]) -> int:
    """Images in a batch: what fits into a CUDA GPU's free memory for models whose need is known, else a constant."""
    if spec.batch_size is not None:
        return spec.batch_size(settings.options)
    if settings.device.startswith("cpu"):
        return CPU_BATCH
    if not is_cuda(settings.device) or spec.memory is None:
        return GPU_BATCH
    import torch

    free, _ = torch.cuda.mem_get_info(settings.device)
    return fitting_batch_size(spec.memory, settings, free_bytes=free)


def fitting_batch_size(memory: MemoryNeed, settings: GeneratorSettings[Any], *, free_bytes: int) -> int:
    """The largest power of two, 1 to 32, whose batch fits into `free_bytes` beside the weights, with room to spare.

    Should it not fit after all, the stage halves it; if nothing fits, 1 it is, and loading or the item says so.
    """
    bytes_each = 4 if settings.dtype == "float32" else 2
    area = ((settings.size or _REFERENCE_SIZE) / _REFERENCE_SIZE) ** 2
    left = _USED_SHARE * free_bytes - bytes_each * memory.parameters
    fits = int(left / (bytes_each * memory.values_per_image * area))
    return min(LARGEST_BATCH, 1 << max(fits.bit_length() - 1, 0)) if fits > 0 else 1


@dataclass(frozen=True, slots=True)
class MadeItem:
    """All images of an item, and the seconds of generation that it took its share of."""

    item: ItemPlan
    images: tuple[Image.Image, ...]
    seconds: float


class ItemMaker:
    """Feeds batches to a generator and hands out every item once, as soon as it is whole or has failed."""

    def __init__(self, generator: Generator, states: dict[str, ItemState], *, batch_size: int) -> None:
        self._generator = generator
        self._states = dict(states)
        self._halving = Halving(batch_size)
        self._images: dict[str, list[Image.Image]] = {}
        self._seconds: dict[str, float] = {}

    def make(self, batch: Sequence[PlannedImage]) -> list[MadeItem | FailedItem]:
        """The items that this planned batch completes, in order; none if all its items are finished already.

        An item that failed in an earlier process, and every item of a batch that fails now, is tried alone.
        """
        missing = [planned for planned in batch if self._state(planned) is not ItemState.DONE]
        if not missing:
            return []
        if any(self._state(planned) is ItemState.NEW for planned in missing):
            try:
                return self._collect(batch)
            except UnavailableError:
                raise  # a server that is gone draws no other item either
            except Exception:  # noqa: BLE001 - whatever a generator raises is pinned to its item just below
                self._forget(batch)
        results: list[MadeItem | FailedItem] = []
        for own in _by_item(missing):
            try:
                results += self._collect(own)
            except UnavailableError:
                raise
            except Exception as error:  # noqa: BLE001 - one broken item never ends a run; it is logged and counted
                self._states[own[0].item.prompt.item_id] = ItemState.DONE
                self._images.pop(own[0].item.prompt.item_id, None)
                message = f"{type(error).__name__}: {error}"
                results.append(FailedItem(own[0].item, message, traceback.format_exc()))
        return results

    def _state(self, planned: PlannedImage) -> ItemState:
        return self._states[planned.item.prompt.item_id]

    def _collect(self, batch: Sequence[PlannedImage]) -> list[MadeItem | FailedItem]:
        start = time.perf_counter()
        requests = [ImageRequest(planned.item.prompt.text, planned.seed) for planned in batch]
        images = self._halving.work(requests, self._generator.generate)
        share = (time.perf_counter() - start) / len(batch)
        finished: list[MadeItem | FailedItem] = []
        for planned, image in zip(batch, images, strict=True):
            item_id = planned.item.prompt.item_id
            if self._states[item_id] is ItemState.DONE:
                continue
            self._images.setdefault(item_id, []).append(image)
            self._seconds[item_id] = self._seconds.get(item_id, 0.0) + share
            if len(self._images[item_id]) == len(planned.item.seeds):
                self._states[item_id] = ItemState.DONE
                whole = tuple(self._images.pop(item_id))
                finished.append(MadeItem(planned.item, whole, self._seconds.pop(item_id)))
        return finished

    def _forget(self, batch: Sequence[PlannedImage]) -> None:
        """Drop what a failed attempt left of its own images, and keep those of earlier batches."""
        for own in _by_item(batch):
            item_id = own[0].item.prompt.item_id
            if item_id in self._images:
                del self._images[item_id][own[0].image :]


def _by_item(batch: Sequence[PlannedImage]) -> list[list[PlannedImage]]:
    groups: dict[str, list[PlannedImage]] = {}
    for planned in batch:
        groups.setdefault(planned.item.prompt.item_id, []).append(planned)
    return list(groups.values())
