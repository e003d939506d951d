"""What a run has to make: every image of every item with its seed, cut into batches that never change.

Floating point makes an image depend, in its last bits, on the shape of the batch it was made in. The batches are
therefore fixed by the items and the batch size alone: a run that was interrupted makes an unfinished batch again
in the same company, and gives the bytes of a run that was not.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

from dpg_bench.records import Prompt

_SEED_BITS = 63  # torch takes seeds up to 2⁶⁴ - 1, but other libraries read them as signed


@dataclass(frozen=True, slots=True)
class ItemPlan:
    """One item and the seeds of its images."""

    prompt: Prompt
    seeds: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class PlannedImage:
    """Image `image` (from 0) of an item."""

    item: ItemPlan
    image: int

    @property
    def seed(self) -> int:
        """The seed its noise starts from."""
        return self.item.seeds[self.image]


def image_seed(seed: int, item_id: str, image: int) -> int:
    """The seed of image `image` (from 0) of an item, 0 to 2⁶³ - 1: from SHA-256 of (seed, item id, image)."""
    digest = hashlib.sha256(f"{seed}\n{item_id}\n{image}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> (64 - _SEED_BITS)


def item_seeds(item_id: str, *, images: int, seed: int, seeds: Sequence[int] | None) -> tuple[int, ...]:
    """The seeds of an item's images: the listed `seeds` themselves, the same for every item, or derived from `seed`."""
    if seeds is not None:
        return tuple(seeds)
    return tuple(image_seed(seed, item_id, image) for image in range(images))


def plan_items(
    prompts: Sequence[Prompt], images_per_prompt: int, *, seed: int, seeds: Sequence[int] | None
) -> tuple[ItemPlan, ...]:
    """The items of a run in suite order; `seeds`, if given, are the seeds of every item's images."""
    return tuple(
        ItemPlan(prompt, item_seeds(prompt.item_id, images=images_per_prompt, seed=seed, seeds=seeds))
        for prompt in prompts
    )


def plan_batches(items: Sequence[ItemPlan], batch_size: int) -> list[tuple[PlannedImage, ...]]:
    """All images of `items`, in order, `batch_size` (≥ 1) at a time; a batch spans items where they fit."""
    images = [PlannedImage(item, image) for item in items for image in range(len(item.seeds))]
    return [tuple(images[start : start + batch_size]) for start in range(0, len(images), batch_size)]
