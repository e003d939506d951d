"""Latents of drawn scenes, encoded once: the data set of the U-Net, made in parts so that it can be interrupted."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from dpg_bench.files.durable import write_atomic
from dpg_bench.miniature.train.vae import drawn_pixels

SCENES = 60_000
SEED = "latents"
_PART = 2000
_BATCH = 50


def scene_name(number: int) -> str:
    """The seed that scene `number` of the data set is drawn from, and its picture."""
    part, within = divmod(number, _PART)
    batch, place = divmod(within, _BATCH)
    return f"{SEED} {part} {batch} {place}"


def write_latents(vae: Any, folder: Path, *, scenes: int = SCENES) -> None:
    """Encode the first `scenes` scenes, as far as that hasn't been done, into files of 2000."""
    for part in range(-(-scenes // _PART)):
        path = _part(folder, part)
        if path.is_file():
            continue
        in_part = min(_PART, scenes - part * _PART)
        batches = []
        with torch.no_grad():
            for batch in range(-(-in_part // _BATCH)):
                pixels = drawn_pixels(f"{SEED} {part} {batch}", min(_BATCH, in_part - batch * _BATCH)).to(vae.device)
                batches.append(vae.encode(pixels).latent_dist.mean * vae.config.scaling_factor)
        content = io.BytesIO()
        np.save(content, torch.cat(batches).half().cpu().numpy())
        write_atomic(path, content.getvalue())


def read_latents(folder: Path, *, scenes: int = SCENES) -> Tensor:
    """The latents (N, 4, 16, 16), float16, scaled."""
    parts = [np.load(_part(folder, part)) for part in range(-(-scenes // _PART))]
    return torch.from_numpy(np.concatenate(parts))


def _part(folder: Path, part: int) -> Path:
    return folder / f"part-{part:03d}.npy"
