"""Latents of drawn scenes, encoded once: the data set of the U-Net, made in parts so that it can be interrupted."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dpg_bench.files.durable import write_atomic
from dpg_bench.miniature.train.loop import drawn
from dpg_bench.miniature.train.pictures import signed
from dpg_bench.miniature.train.vae import DrawPictures

SCENES = 30_000
SEED = "latents"
_PART = 2000
_BATCH = 50
_PER_PART = _PART // _BATCH


def scene_name(number: int) -> str:
    """The seed that scene `number` of the data set is drawn from, and its picture."""
    batch, place = divmod(number, _BATCH)
    return f"{SEED} {batch} {place}"


def write_latents(vae: Any, folder: Path, *, scenes: int = SCENES, workers: int = 0) -> None:
    """Encode the first `scenes` scenes into files of 2000, from the first file on that isn't there."""
    parts = -(-scenes // _PART)
    part = next((number for number in range(parts) if not _part(folder, number).is_file()), parts)
    latents: list[Tensor] = []
    for pixels in drawn(DrawPictures(SEED, _BATCH), range(part * _PER_PART, -(-scenes // _BATCH)), workers=workers):
        latents.append(_encoded(vae, pixels))
        if len(latents) == _PER_PART:
            _write_part(_part(folder, part), torch.cat(latents))
            latents.clear()
            part += 1
    if latents:
        _write_part(_part(folder, part), torch.cat(latents)[: scenes - part * _PART])


@torch.no_grad()
def _encoded(vae: Any, pixels: Tensor) -> Tensor:
    latents: Tensor = vae.encode(signed(pixels.to(vae.device))).latent_dist.mean * vae.config.scaling_factor
    return latents.half().cpu()


def _write_part(path: Path, latents: Tensor) -> None:
    content = io.BytesIO()
    np.save(content, latents.numpy())
    write_atomic(path, content.getvalue())


def read_latents(folder: Path, *, scenes: int = SCENES) -> Tensor:
    """The latents (N, 4, 16, 16), float16, scaled."""
    parts = [np.load(_part(folder, part)) for part in range(-(-scenes // _PART))]
    return torch.from_numpy(np.concatenate(parts))


def _part(folder: Path, part: int) -> Path:
    return folder / f"part-{part:03d}.npy"
