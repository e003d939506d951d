"""Settings that can't work are refused before any weights are loaded."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.generate.base import GeneratorSettings
from dpg_bench.generate.registry import find_model

MODELS = ("sd15", "ella-sd15", "tiny-sd15", "tiny-ella-sd15")


def validate(settings: GeneratorSettings) -> None:
    find_model(settings.model).validate(settings)


@pytest.mark.parametrize("model", MODELS)
def test_the_defaults_are_valid(model: str, make_settings: Callable[..., GeneratorSettings]) -> None:
    validate(make_settings(model))


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 100}, "size is 100; it must be a multiple of 8 pixels, such as 96 or 104"),
        ({"size": 0}, "size is 0"),
        ({"steps": 0}, "steps is 0; it must be at least 1"),
        ({"guidance": float("nan")}, "guidance is nan; it must be a finite number"),
        ({"guidance": float("inf")}, "guidance is inf"),
        ({"guidance": -1.0}, "guidance is -1.0"),
        ({"options": {"scheduler": "DPMSolverMultistep"}}, r"Unknown scheduler .* Did you mean 'DPMSolver"),
        ({"options": {"scheduler": "FlowMatchEulerDiscreteScheduler"}}, "Unknown scheduler"),
        ({"options": {"scheduler": "DPMSolverSDEScheduler"}}, "takes its noise from no seed"),
    ],
)
def test_impossible_settings_are_refused_with_their_value(
    model: str, change: dict[str, Any], message: str, make_settings: Callable[..., GeneratorSettings]
) -> None:
    with pytest.raises(BadInputError, match=message):
        validate(make_settings(model, **change))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"length": "flex"}, "Option 'length' of ella-sd15 is 'flex'; it must be fixed or flexible"),
        ({"length": "flexible", "fixed_negative": "yes"}, "must be true or false"),
        ({"fixed_negative": "true"}, "goes with length=flexible"),
        ({"ella": "no/such.safetensors"}, "names a file that is not there"),
        ({"ella": "no such thing"}, "neither a folder here nor"),
        ({"text_encoder": "no such thing"}, "neither a folder here nor"),
        ({"base": "no such thing"}, "neither a folder here nor"),
    ],
)
def test_impossible_options_of_ella_are_refused(
    options: dict[str, str], message: str, make_settings: Callable[..., GeneratorSettings]
) -> None:
    with pytest.raises(BadInputError, match=message):
        validate(make_settings("ella-sd15", options=options))


def test_what_may_be_on_the_hub_is_left_to_loading(make_settings: Callable[..., GeneratorSettings]) -> None:
    options = {"base": "some/base", "ella": "some/ella/connector.safetensors", "text_encoder": "some/t5"}
    validate(make_settings("ella-sd15", options=options))


def test_a_text_encoder_folder_must_hold_one(tmp_path: Path, make_settings: Callable[..., GeneratorSettings]) -> None:
    with pytest.raises(BadInputError, match=r"has no config.json, no \*.safetensors"):
        validate(make_settings("ella-sd15", options={"text_encoder": str(tmp_path)}))


class TestBase:
    @pytest.fixture
    def base(self, tmp_path: Path, tiny_folder: Path) -> Path:
        return Path(shutil.copytree(tiny_folder, tmp_path / "base"))

    def test_a_folder_that_is_no_pipeline_is_refused(
        self, tmp_path: Path, make_settings: Callable[..., GeneratorSettings]
    ) -> None:
        with pytest.raises(BadInputError, match=r"it has no model_index\.json"):
            validate(make_settings("sd15", options={"base": str(tmp_path)}))

    def test_another_kind_of_pipeline_is_refused(
        self, base: Path, make_settings: Callable[..., GeneratorSettings]
    ) -> None:
        (base / "model_index.json").write_text('{"_class_name": "PixArtSigmaPipeline"}')
        with pytest.raises(BadInputError, match=f"holds a PixArtSigmaPipeline.*model='diffusers:{base}'"):
            validate(make_settings("sd15", options={"base": str(base)}))

    @pytest.mark.parametrize("content", ["", "[]", "{}", '{"_class_name": 3}'])
    def test_a_broken_index_is_named(
        self, base: Path, content: str, make_settings: Callable[..., GeneratorSettings]
    ) -> None:
        (base / "model_index.json").write_text(content)
        with pytest.raises(BadInputError, match=r"model_index.json (can't be read as JSON|names no pipeline class)"):
            validate(make_settings("sd15", options={"base": str(base)}))

    def test_missing_weights_are_named(self, base: Path, make_settings: Callable[..., GeneratorSettings]) -> None:
        (base / "unet" / "diffusion_pytorch_model.safetensors").unlink()
        for model in ("sd15", "ella-sd15"):
            with pytest.raises(BadInputError, match=r"has no unet/diffusion_pytorch_model.safetensors"):
                validate(make_settings(model, options={"base": str(base)}))

    def test_ella_needs_no_clip(self, base: Path, make_settings: Callable[..., GeneratorSettings]) -> None:
        shutil.rmtree(base / "text_encoder")
        validate(make_settings("ella-sd15", options={"base": str(base)}))
        with pytest.raises(BadInputError, match=r"has no text_encoder/config.json"):
            validate(make_settings("sd15", options={"base": str(base)}))

    def test_the_autoencoder_decides_which_sizes_are_possible(
        self, base: Path, make_settings: Callable[..., GeneratorSettings]
    ) -> None:
        config = base / "vae" / "config.json"
        config.write_text(json.dumps({"block_out_channels": [8] * 6}))
        validate(make_settings("sd15", options={"base": str(base)}, size=96))
        with pytest.raises(BadInputError, match=r"size is 72; .* a multiple of 32 pixels"):
            validate(make_settings("sd15", options={"base": str(base)}, size=72))
        config.write_text("{}")
        with pytest.raises(BadInputError, match="can't be read as the configuration of an autoencoder"):
            validate(make_settings("sd15", options={"base": str(base)}))
