"""`diffusers:` takes any text-to-image pipeline, and nothing else."""

from __future__ import annotations

import inspect
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import diffusers
import numpy as np
import pytest
import torch
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    T5EncoderModel,
    T5Tokenizer,
)

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.generate.base import Generator, GeneratorSettings, ImageRequest
from dpg_bench.generate.models.diffusers import any_pipeline_spec
from dpg_bench.generate.models.tiny_weights import tiny_text_encoder
from dpg_bench.generate.registry import find_model
from dpg_bench.hub.loading import quiet_libraries

REQUESTS = [ImageRequest("a red fox", 1), ImageRequest("a red fox", 2), ImageRequest("three sheep", 1)]


def clip_text(model_class: Any, width: int) -> Any:
    return model_class(
        CLIPTextConfig(
            vocab_size=514,
            hidden_size=width,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            projection_dim=width,
            bos_token_id=512,
            eos_token_id=513,
            pad_token_id=513,
        )
    )


def autoencoder() -> Any:
    return diffusers.AutoencoderKL(
        sample_size=16,
        block_out_channels=(4, 8),
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
        latent_channels=4,
        shift_factor=0.0,
        norm_num_groups=2,
        layers_per_block=1,
    )


def make_sdxl(tokenizer: Any) -> Any:
    unet = diffusers.UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=2,
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 16,
        cross_attention_dim=32,
        norm_num_groups=4,
    )
    return diffusers.StableDiffusionXLPipeline(
        vae=autoencoder(),
        text_encoder=clip_text(CLIPTextModel, 16),
        text_encoder_2=clip_text(CLIPTextModelWithProjection, 16),
        tokenizer=tokenizer,
        tokenizer_2=tokenizer,
        unet=unet,
        scheduler=diffusers.EulerDiscreteScheduler(),
    )


def make_sd3(tokenizer: Any) -> Any:
    t5 = tiny_text_encoder().folder
    transformer = diffusers.SD3Transformer2DModel(
        sample_size=8,
        patch_size=1,
        in_channels=4,
        num_layers=1,
        attention_head_dim=4,
        num_attention_heads=4,
        joint_attention_dim=24,
        caption_projection_dim=16,
        pooled_projection_dim=24,
        pos_embed_max_size=16,
        out_channels=4,
    )
    return diffusers.StableDiffusion3Pipeline(
        transformer=transformer,
        scheduler=diffusers.FlowMatchEulerDiscreteScheduler(),
        vae=autoencoder(),
        text_encoder=clip_text(CLIPTextModelWithProjection, 12),
        tokenizer=tokenizer,
        text_encoder_2=clip_text(CLIPTextModelWithProjection, 12),
        tokenizer_2=tokenizer,
        text_encoder_3=T5EncoderModel.from_pretrained(t5),
        tokenizer_3=T5Tokenizer.from_pretrained(t5),
    )


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path, tiny_folder: Path) -> Path:
    if request.param == "sd15":
        return Path(shutil.copytree(tiny_folder, tmp_path / "sd15"))
    tokenizer = CLIPTokenizer.from_pretrained(tiny_folder / "tokenizer")
    make = {"sdxl": make_sdxl, "sd3": make_sd3}[request.param]
    with quiet_libraries():
        torch.manual_seed(0)
        make(tokenizer).save_pretrained(tmp_path / request.param)
    return tmp_path / str(request.param)


@pytest.mark.parametrize("folder", ["sd15", "sdxl", "sd3"], indirect=True)
def test_any_kind_of_pipeline_makes_its_images(
    folder: Path, load_model: Callable[..., Generator], capfd: pytest.CaptureFixture[str]
) -> None:
    generator = load_model(f"diffusers:{folder}", steps=2, guidance=3.0, size=16)
    capfd.readouterr()
    images = generator.generate(REQUESTS)
    assert [image.size for image in images] == [(16, 16)] * 3
    pixels = [np.asarray(image).astype(float) for image in images]
    assert np.abs(pixels[0] - pixels[1]).max() > 0
    assert np.abs(pixels[0] - pixels[2]).max() > 0
    again = generator.generate(REQUESTS[1:])
    assert [image.tobytes() for image in again] == [image.tobytes() for image in images[1:]]
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("folder", ["sdxl"], indirect=True)
def test_what_is_not_set_is_the_pipelines_own_and_recorded(folder: Path, load_model: Callable[..., Generator]) -> None:
    generator = load_model(f"diffusers:{folder}", steps=3)
    assert generator.provenance["call"] == {
        "num_inference_steps": 3,
        "guidance_scale": 5.0,
        "height": None,
        "width": None,
    }
    assert generator.provenance["pipeline"] == "StableDiffusionXLPipeline"
    assert generator.provenance["scheduler"]["class"] == "EulerDiscreteScheduler"
    assert "unet/diffusion_pytorch_model.safetensors" in generator.provenance["weights"]["pipeline"]["sha256"]
    json.dumps(generator.provenance, allow_nan=False)


@pytest.mark.parametrize("folder", ["sd15", "sd3"], indirect=True)
def test_a_scheduler_is_taken_where_it_fits(folder: Path, load_model: Callable[..., Generator]) -> None:
    options = {"scheduler": "DDIMScheduler"}
    if "sd3" in folder.name:
        with pytest.raises(BadInputError, match="can't take the place of this pipeline's FlowMatchEuler"):
            load_model(f"diffusers:{folder}", options=options)
    else:
        generator = load_model(f"diffusers:{folder}", options=options)
        assert generator.provenance["scheduler"]["class"] == "DDIMScheduler"


@pytest.mark.parametrize("folder", ["sd15"], indirect=True)
def test_a_text_encoder_with_missing_weights_is_refused(folder: Path, load_model: Callable[..., Generator]) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "text_encoder" / "model.safetensors"
    weights = load_file(path)
    del weights[next(name for name in weights if name.endswith("q_proj.weight"))]
    save_file(weights, path)
    for model, options in ((f"diffusers:{folder}", {}), ("sd15", {"base": str(folder)})):
        with pytest.raises(BadInputError, match=r"no complete CLIPTextModel: 1 weights are missing, .*q_proj.weight"):
            load_model(model, options=options)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("StableDiffusionImg2ImgPipeline", r"not make images from text alone \(it asks for image\)"),
        ("StableDiffusionControlNetPipeline", "controlnet_conditioning_scale"),
        ("AnimateDiffPipeline", "num_frames"),
        ("DDPMPipeline", "does not make images from text alone"),
        ("MyOwnPipeline", r"holds a MyOwnPipeline, which diffusers \S+ does not have"),
    ],
)
def test_what_makes_no_images_from_text_is_refused(
    name: str, message: str, tmp_path: Path, make_settings: Callable[..., GeneratorSettings]
) -> None:
    (tmp_path / "model_index.json").write_text(json.dumps({"_class_name": name}))
    spec = any_pipeline_spec(f"diffusers:{tmp_path}")
    with pytest.raises(BadInputError, match=message):
        spec.validate(make_settings(spec.name))


def test_a_setting_that_the_pipeline_does_not_take_is_refused(
    tmp_path: Path, make_settings: Callable[..., GeneratorSettings]
) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "WuerstchenCombinedPipeline"}')
    assert "guidance_scale" not in inspect.signature(diffusers.WuerstchenCombinedPipeline.__call__).parameters
    spec = any_pipeline_spec(f"diffusers:{tmp_path}")
    with pytest.raises(BadInputError, match=r"guidance is 3\.0, but Wuerstchen\w+ has no guidance_scale"):
        spec.validate(make_settings(spec.name, guidance=3.0))


def test_a_folder_without_an_index_is_refused(tmp_path: Path, make_settings: Callable[..., GeneratorSettings]) -> None:
    spec = any_pipeline_spec(f"diffusers:{tmp_path}")
    with pytest.raises(BadInputError, match=r"it has no model_index\.json"):
        spec.validate(make_settings(spec.name))


@pytest.mark.parametrize("folder", ["sd15"], indirect=True)
def test_a_folder_has_no_revisions(folder: Path, make_settings: Callable[..., GeneratorSettings]) -> None:
    spec = any_pipeline_spec(f"diffusers:{folder}")
    with pytest.raises(BadInputError, match="revision=main needs a repository"):
        spec.validate(make_settings(spec.name, options={"revision": "main"}))


def test_a_repository_that_is_not_in_the_cache_can_not_be_had_offline(
    make_settings: Callable[..., GeneratorSettings],
) -> None:
    settings = make_settings("diffusers:nobody/nothing")
    spec = find_model(settings.model)
    spec.validate(settings)
    with pytest.raises(UnavailableError, match=r"nobody/nothing could not be downloaded .* HF_HUB_OFFLINE is set"):
        spec.load(settings)
