"""Damaged and foreign weights end in one clear message, never in images."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from dpg_bench.errors import BadInputError, DpgBenchError
from dpg_bench.generate.base import Generator, ImageRequest
from dpg_bench.generate.models.decode import pixels_to_images
from dpg_bench.generate.models.tiny_weights import tiny_base, tiny_connector, tiny_text_encoder
from dpg_bench.hub.loading import load_errors

UNET = "unet/diffusion_pytorch_model.safetensors"


@pytest.fixture
def base(tmp_path: Path, tiny_folder: Path) -> Path:
    return Path(shutil.copytree(tiny_folder, tmp_path / "base"))


def truncate(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def drop_a_weight(path: Path) -> None:
    weights = load_file(path)
    del weights["conv_in.weight"]
    save_file(weights, path)


def reshape_a_weight(path: Path) -> None:
    weights = load_file(path)
    weights["conv_in.weight"] = weights["conv_in.weight"][:, :2].contiguous()
    save_file(weights, path)


@pytest.mark.parametrize("damage", [truncate, drop_a_weight, reshape_a_weight])
def test_a_damaged_unet_is_refused(
    damage: Callable[[Path], None], base: Path, load_model: Callable[..., Generator]
) -> None:
    damage(base / UNET)
    ella = {"ella": str(tiny_connector().folder), "text_encoder": str(tiny_text_encoder().folder)}
    for model, options in (("sd15", {}), (f"diffusers:{base}", {}), ("ella-sd15", ella)):
        with pytest.raises(BadInputError, match=rf"{base}.* (can't be loaded as .*architecture|holds no complete)"):
            load_model(model, options=options if "diffusers" in model else {"base": str(base), **options})


class _Attack:
    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.marker),)


def test_code_in_a_pickle_is_not_run(base: Path, tmp_path: Path, load_model: Callable[..., Generator]) -> None:
    (base / UNET).unlink()
    with (base / "unet" / "diffusion_pytorch_model.bin").open("wb") as file:
        pickle.dump({"conv_in.weight": _Attack(tmp_path / "ran")}, file)
    with pytest.raises(BadInputError, match="can't be loaded"):
        load_model(f"diffusers:{base}")
    assert not (tmp_path / "ran").exists()


def test_a_connector_that_fits_nothing_is_named(
    tmp_path: Path, tiny_folder: Path, load_model: Callable[..., Generator]
) -> None:
    options = {"base": str(tiny_folder), "text_encoder": str(tiny_text_encoder().folder)}
    (tmp_path / "empty.safetensors").write_bytes(b"")
    with pytest.raises(BadInputError, match=r"empty\.safetensors"):
        load_model("ella-sd15", options={**options, "ella": str(tmp_path / "empty.safetensors")})
    save_file({"conv.weight": torch.zeros(3)}, tmp_path / "other.safetensors")
    with pytest.raises(BadInputError, match="holds no ELLA connector"):
        load_model("ella-sd15", options={**options, "ella": str(tmp_path / "other.safetensors")})


def test_a_folder_can_be_given_for_every_part(tiny_folder: Path, load_model: Callable[..., Generator]) -> None:
    connector, text_encoder = tiny_connector(), tiny_text_encoder()
    options = {
        "base": str(tiny_folder),
        "ella": str(connector.folder / "ella.safetensors"),
        "text_encoder": str(text_encoder.folder),
    }
    request = [ImageRequest("a red fox", 1)]
    ours = load_model("ella-sd15", options=options, size=64, steps=3)
    images = (*ours.generate(request), *load_model("tiny-ella-sd15").generate(request))
    first, second = (np.asarray(image).astype(int) for image in images)
    assert (np.abs(first - second) <= 1).mean() > 0.998
    weights = ours.provenance["weights"]
    assert set(weights) == {"base", "ella", "text_encoder"}
    assert weights["ella"]["sha256"] == connector.record()["sha256"]
    assert weights["base"]["sha256"][UNET] == tiny_base().record()["sha256"][UNET]
    json.dumps(ours.provenance, allow_nan=False)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_pixels_that_are_no_numbers_become_an_error_not_an_image(value: float) -> None:
    pixels = np.zeros((2, 4, 4, 3), dtype=np.float32)
    assert [image.size for image in pixels_to_images(pixels, dtype="float16")] == [(4, 4), (4, 4)]
    pixels[1, 2, 3, 0] = value
    with pytest.raises(DpgBenchError, match="not numbers"):
        pixels_to_images(pixels, dtype="float16")


def test_running_out_of_memory_while_loading_stays_what_it_is() -> None:
    with pytest.raises(torch.OutOfMemoryError), load_errors("a pipeline"):
        raise torch.OutOfMemoryError("too big")
