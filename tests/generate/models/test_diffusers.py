"""`diffusers:` takes any text-to-image pipeline, and nothing else."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.generate.base import Generator, GeneratorSettings, ImageRequest
from dpg_bench.generate.models.diffusers import any_pipeline_spec
from dpg_bench.generate.registry import find_model
from tests.lost_weight import lose_weight
from tests.toy_pipelines import save_toy

REQUESTS = [ImageRequest("a red fox", 1), ImageRequest("a red fox", 2), ImageRequest("three sheep", 1)]


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path, tiny_folder: Path) -> Path:
    if request.param == "sd15":
        return Path(shutil.copytree(tiny_folder, tmp_path / "sd15"))
    return save_toy({"sdxl": "SDXL", "sd3": "SD3"}[request.param], tmp_path / request.param)


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
        "arguments": {"num_inference_steps": 3},
        "in_force": {"guidance": {"guidance_scale": 5.0}, "size": [16, 16], "timesteps": 3},
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
    lose_weight(folder / "text_encoder", "q_proj.weight")
    for model, options in ((f"diffusers:{folder}", {}), ("sd15", {"base": str(folder)})):
        with pytest.raises(BadInputError, match=r"no complete CLIPTextModel: 1 weights are missing, .*q_proj.weight"):
            load_model(model, options=options)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("StableDiffusionImg2ImgPipeline", r"not make images from text alone \(it asks for image\)"),
        ("StableDiffusionControlNetPipeline", "controlnet_conditioning_scale"),
        ("AnimateDiffVideoToVideoPipeline", "it asks for video"),
        ("KandinskyV22PriorPipeline", "it gives image_embeds, negative_image_embeds"),
        ("StableCascadeDecoderPipeline", "it asks for image_embeddings"),
        ("StableAudioPipeline", r"it asks for audio_end_in_s\) \(it gives audios"),
        ("logging", "which diffusers .* does not have"),
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
    (tmp_path / "model_index.json").write_text('{"_class_name": "LatentConsistencyModelPipeline"}')
    spec = any_pipeline_spec(f"diffusers:{tmp_path}")
    with pytest.raises(BadInputError, match=r"negative prompt is blurry, but Latent\w+ has no negative_prompt to set"):
        spec.validate(make_settings(spec.name, negative_prompt="blurry"))


@pytest.mark.parametrize(
    ("options", "changes", "message"),
    [
        ({"guidence_rescale": "1"}, {}, "Unknown argument of StableDiffusionPipeline.*Did you mean 'guidance_rescale'"),
        ({"guidance_rescale": "much"}, {}, "'guidance_rescale' of StableDiffusionPipeline is 'much'; .* a number"),
        ({"clip_skip": "1.5"}, {}, "it must be a whole number"),
        ({"generator": "7"}, {}, "'generator' is dpg-bench's own to set"),
        ({"latents": "7"}, {}, "'latents' is dpg-bench's own to set"),
        ({"height": "32"}, {"size": 32}, r"size is 32, and height is 32 \(-M\): say only one of them"),
    ],
)
def test_any_argument_of_the_call_is_checked_against_its_signature(
    tmp_path: Path,
    options: dict[str, str],
    changes: dict[str, Any],
    message: str,
    make_settings: Callable[..., GeneratorSettings],
) -> None:
    (tmp_path / "model_index.json").write_text('{"_class_name": "StableDiffusionPipeline"}')
    spec = any_pipeline_spec(f"diffusers:{tmp_path}")
    with pytest.raises(BadInputError, match=message):
        spec.validate(make_settings(spec.name, options=options, **changes))


@pytest.mark.parametrize("folder", ["sd15"], indirect=True)
def test_arguments_of_the_call_reach_it_and_those_without_effect_are_told(
    folder: Path, load_model: Callable[..., Generator]
) -> None:
    plain = load_model(f"diffusers:{folder}", steps=2, size=16)
    options = {"guidance_rescale": "0.7", "eta": "0.5", "height": "24", "width": "16"}
    told = load_model(f"diffusers:{folder}", steps=2, options=options)
    call = told.provenance["call"]
    assert call["arguments"] == {
        "guidance_rescale": 0.7,
        "eta": 0.5,
        "height": 24,
        "width": 16,
        "num_inference_steps": 2,
    }
    assert call["in_force"]["size"] == [16, 24]
    assert call["without_effect"] == ["eta"]  # which is DDIM's, and this pipeline has PNDM
    assert told.generate(REQUESTS[:1])[0].size == (16, 24)
    assert plain.generate(REQUESTS[:1])[0].size == (16, 16)


@pytest.mark.parametrize("model", ["tiny-sd15", "tiny-ella-sd15"])
def test_guidance_below_one_is_not_recorded_as_if_it_acted(model: str, load_model: Callable[..., Generator]) -> None:
    with pytest.raises(BadInputError, match=r"guidance is 0\.5, but .* a scale below 1 is not applied"):
        load_model(model, size=16, steps=1, guidance=0.5)
    load_model(model, size=16, steps=1, guidance=1.0)


def test_a_distilled_unet_reads_no_negative_prompt(tmp_path: Path, load_model: Callable[..., Generator]) -> None:
    base = save_toy("LCM", tmp_path / "lcm")
    index = json.loads((base / "model_index.json").read_text())
    (base / "model_index.json").write_text(json.dumps({**index, "_class_name": "StableDiffusionPipeline"}))
    options = {"base": str(base), "scheduler": "LCMScheduler"}
    load_model("sd15", options=options, size=16, steps=1, guidance=4.0)
    with pytest.raises(BadInputError, match="negative prompt changes nothing: this U-Net is distilled"):
        load_model("sd15", options=options, size=16, steps=1, guidance=4.0, negative_prompt="blurry")


@pytest.mark.parametrize("folder", ["sd15"], indirect=True)
def test_a_negative_prompt_acts_or_is_refused(folder: Path, load_model: Callable[..., Generator]) -> None:
    for model, options in ((f"diffusers:{folder}", {}), ("sd15", {"base": str(folder)}), ("tiny-ella-sd15", {})):
        plain, without = (
            load_model(model, options=options, steps=2, size=16, guidance=5.0, negative_prompt=text)
            for text in (None, "blurry")
        )
        one, other = (generator.generate(REQUESTS[:1])[0].tobytes() for generator in (plain, without))
        assert one != other
        with pytest.raises(BadInputError, match="negative prompt changes nothing"):
            load_model(model, options=options, steps=2, size=16, guidance=1.0, negative_prompt="blurry")


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
