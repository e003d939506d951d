"""Weight files that lack a weight, as an interrupted conversion leaves them."""

from __future__ import annotations

from pathlib import Path

from safetensors.torch import load_file, save_file


def lose_weight(folder: Path, name: str) -> None:
    """Take the first weight whose name ends with `name` out of the folder's `model.safetensors`."""
    file = folder / "model.safetensors"
    weights = load_file(file)
    del weights[next(found for found in weights if found.endswith(name))]
    save_file(weights, file, metadata={"format": "pt"})
