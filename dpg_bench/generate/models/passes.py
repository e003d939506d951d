"""How a batch goes through a pipeline: in which passes, and from which noise.

Convolutions and matrix products round differently with the number of rows they are given, so that an image made in a
batch differs in its last bits from the same image made alone. Given the same shape, it does not matter what is in the
other rows. On a CPU all passes therefore have one shape, and an image is the same bit for bit in any company.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING

from dpg_bench.generate.base import ImageRequest

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True)
class Pass:
    """What goes through the pipeline at once. The images after the first `wanted` only fill up its shape."""

    requests: tuple[ImageRequest, ...]
    wanted: int


def split_passes(
    requests: Sequence[ImageRequest], device: str, *, cpu_images: int = 1, prompts_together: bool = True
) -> list[Pass]:
    """The passes that make `requests`, in order: all at once on a GPU, `cpu_images` of one prompt at a time on a CPU.

    One image at a time wastes nothing where arithmetic takes the time. Toy models, where calling the layers does, are
    several times faster with more. Without `prompts_together` a pass has one prompt on a GPU too, for pipelines that
    pad a prompt to the longest of its pass and let the model see it.
    """
    on_cpu = device.startswith("cpu")
    if not on_cpu and prompts_together:
        return [Pass(tuple(requests), len(requests))]
    passes = []
    for _, same_prompt in groupby(requests, key=lambda request: request.prompt):
        own = tuple(same_prompt)
        if not on_cpu:
            passes.append(Pass(own, len(own)))
            continue
        for start in range(0, len(own), cpu_images):
            part = own[start : start + cpu_images]
            passes.append(Pass(part + part[-1:] * (cpu_images - len(part)), len(part)))
    return passes


def noise_generators(requests: Sequence[ImageRequest]) -> list[torch.Generator]:
    """One CPU generator per image, so that its noise is the same on every device and in every batch."""
    import torch

    return [torch.Generator("cpu").manual_seed(request.seed) for request in requests]
