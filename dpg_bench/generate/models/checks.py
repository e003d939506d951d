"""Checks of generation settings that need no weights; they import diffusers only when a scheduler was named."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from dpg_bench.errors import BadInputError, out_of_range, unknown_name
from dpg_bench.files.reading import read_content, read_json
from dpg_bench.generate.base import GeneratorSettings
from dpg_bench.hub.remarks import quiet_libraries

LATENT_MULTIPLE = 8
"""What diffusers' Stable Diffusion asks of an image's side, whatever the scale of the autoencoder."""
_MOST_BLOCKS = 16
_MORE_SCHEDULERS = ("LCMScheduler", "TCDScheduler", "SASolverScheduler")
"""Beside those that diffusers lists for Stable Diffusion: for distilled models, and one with noise of its own."""
_OWN_RANDOMNESS = "DPMSolverSDEScheduler"  # draws its noise from the global generator, not from the image's own


def check_numbers(settings: GeneratorSettings[Any], *, size_multiple: int = LATENT_MULTIPLE) -> None:
    """Raises BadInputError if size, steps or guidance can't be, naming the value."""
    size, steps, guidance = settings.size, settings.steps, settings.guidance
    if size is not None and (size < size_multiple or size % size_multiple):
        below = max(size_multiple, size // size_multiple * size_multiple)
        raise out_of_range(
            "size", size, f"a multiple of {size_multiple} pixels, such as {below} or {below + size_multiple}"
        )
    if steps is not None and steps < 1:
        raise out_of_range("steps", steps, "at least 1")
    if guidance is not None and not (math.isfinite(guidance) and guidance >= 0):
        raise out_of_range("guidance", guidance, "a finite number of at least 0")


def size_multiple(base: Path) -> int:
    """What the side of an image must be a multiple of, by the autoencoder of a Stable Diffusion folder."""
    config = base / "vae" / "config.json"
    try:
        blocks = read_json(read_content(config), str(config))["block_out_channels"]
        if not 1 <= len(blocks) <= _MOST_BLOCKS:
            raise ValueError(f"block_out_channels has {len(blocks)} entries")
        return math.lcm(LATENT_MULTIPLE, 2 ** (len(blocks) - 1))
    except (KeyError, TypeError, ValueError) as error:
        raise BadInputError(f"{config} can't be read as the configuration of an autoencoder: {error!r}.") from error


def check_scheduler(name: str) -> None:
    """Raises BadInputError unless `name` is a diffusers scheduler that can serve Stable Diffusion here."""
    scheduler_class(name)


def scheduler_class(name: str) -> Any:
    """The diffusers class `name`, one of those that take over another's configuration for a U-Net of this kind.

    Raises BadInputError if there is no such class, if it lacks a package, or if its images don't follow from seeds.
    """
    with quiet_libraries():
        import diffusers
        from diffusers.schedulers import KarrasDiffusionSchedulers

    listed = [member.name for member in KarrasDiffusionSchedulers if member.name != _OWN_RANDOMNESS]
    known = sorted({*listed, *_MORE_SCHEDULERS})
    if name == _OWN_RANDOMNESS:
        raise BadInputError(f"scheduler={name} takes its noise from no seed; choose one of {', '.join(known)}.")
    if name not in known:
        raise unknown_name("scheduler", name, known)
    chosen = getattr(diffusers, name)
    try:
        chosen()
    except ImportError as error:
        raise BadInputError(f"scheduler={name} needs a package that is not installed: {error}") from error
    return chosen
