"""A toy world to train on: coloured pictures, captions that say the colour, tiny frozen models."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ella_models.training import TrainingConfig, precompute

COLOURS = ["red", "green", "blue", "yellow", "white", "black", "orange", "purple"]
SIZES = {"heads": 4, "layers": 1, "num_latents": 6, "time_channel": 8, "time_embed_dim": 16}

Configure = Callable[..., TrainingConfig]


def write_pairs(folder: Path, count: int = 16) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        colour = COLOURS[number % len(COLOURS)]
        picture = Image.new("RGB", (20, 16), colour)
        picture.paste("grey", (0, 0, 3 + 2 * (number // len(COLOURS)), 16))
        picture.save(folder / f"{number:02d}.png")
        (folder / f"{number:02d}.txt").write_text(f"a {colour} wall", encoding="utf-8")
    return folder


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Sixteen pairs in a folder; nothing may change them."""
    return write_pairs(tmp_path_factory.mktemp("pairs"))


@pytest.fixture(scope="session")
def configure(saved_parts: Path, pairs: Path) -> Configure:
    """A toy configuration for an output folder; sections are changed by a dictionary each."""

    def configure(output: Path, **changes: Any) -> TrainingConfig:
        told: dict[str, Any] = {
            "output": output,
            "base": str(saved_parts / "sd"),
            "text_encoder": str(saved_parts / "t5"),
            "text": {"tokens": 12},
            "connector": SIZES,
            "data": {"folder": pairs, "resolution": 16, "shard_pairs": 6, "store": "float32", "workers": 1},
            "steps": 6,
            "batch_size": 4,
            "precision": "float32",
            "log_every": 1,
            "device": "cpu",
        }
        for name, value in changes.items():
            told[name] = {**told.get(name, {}), **value} if isinstance(value, dict) else value
        return TrainingConfig.model_validate(told)

    return configure


@pytest.fixture(scope="session")
def features(configure: Configure, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The pairs' features, precomputed; nothing may change them."""
    folder = tmp_path_factory.mktemp("features")
    precompute(configure(folder, data={"precomputed": folder}))
    return folder
