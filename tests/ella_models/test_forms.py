"""Every ELLA pipeline against the diffusers pipeline it derives from, fed the same condition step by step."""

from __future__ import annotations

import logging
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import diffusers
import pytest
import torch
from diffusers import ControlNetModel, StableDiffusionPipeline, UNet2DConditionModel
from diffusers.callbacks import SDCFGCutoffCallback

from ella_models import (
    EllaAdapter,
    EllaConnector,
    EllaError,
    EllaPipeline,
    EllaStableDiffusionControlNetPipeline,
    EllaStableDiffusionPipeline,
    T5TextEncoder,
    TextOptions,
)

AuthorsWay = Callable[..., AbstractContextManager[None]]
Features = Callable[[list[str]], torch.Tensor]
PROMPTS = ["a red fox", "three sheep graze on a hillside, under a pale sky."]
SIDE = 16


def picture(seed: int) -> torch.Tensor:
    return torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(seed))


MASK = torch.zeros(1, 1, SIDE, SIDE)
MASK[..., : SIDE // 2] = 1
IMAGE, EDGES, DEPTH = picture(1), picture(2), picture(3)

FORMS: dict[str, tuple[str, dict[str, Any]]] = {
    "text to image": ("StableDiffusionPipeline", {}),
    "img2img": ("StableDiffusionImg2ImgPipeline", {"image": IMAGE, "strength": 0.7}),
    "inpainting": ("StableDiffusionInpaintPipeline", {"image": IMAGE, "mask_image": MASK, "strength": 0.7}),
    "inpainting, 9 channels": ("StableDiffusionInpaintPipeline", {"image": IMAGE, "mask_image": MASK}),
    "ControlNet": ("StableDiffusionControlNetPipeline", {"image": EDGES}),
    "ControlNet, guess mode": ("StableDiffusionControlNetPipeline", {"image": EDGES, "guess_mode": True}),
    "ControlNets": ("StableDiffusionControlNetPipeline", {"image": [EDGES, DEPTH]}),
    "ControlNet img2img": (
        "StableDiffusionControlNetImg2ImgPipeline",
        {"image": IMAGE, "control_image": EDGES, "strength": 0.7},
    ),
    "ControlNet inpainting": (
        "StableDiffusionControlNetInpaintPipeline",
        {"image": IMAGE, "mask_image": MASK, "control_image": EDGES, "strength": 0.7},
    ),
}


def settings(**more: Any) -> dict[str, Any]:
    return {
        "num_inference_steps": 4,
        "guidance_scale": 7.5,
        "generator": [torch.Generator().manual_seed(seed) for seed in (3, 4)],
        "output_type": "pt",
        **more,
    }


@pytest.fixture(params=FORMS)
def plain(
    request: pytest.FixtureRequest,
    stable_diffusion: StableDiffusionPipeline,
    controlnets: list[ControlNetModel],
    new_unet: Callable[..., UNet2DConditionModel],
) -> tuple[Any, dict[str, Any]]:
    """The diffusers pipeline of a task, and what its call is given beside the prompts."""
    name, given = FORMS[request.param]
    parts = dict(stable_diffusion.components)
    if "9 channels" in request.param:
        parts["unet"] = new_unet(in_channels=9)
    if "ControlNet" in name:
        parts["controlnet"] = controlnets if isinstance(given["image"], list) else controlnets[0]
    pipe = getattr(diffusers, name)(**parts, requires_safety_checker=False)
    pipe.set_progress_bar_config(disable=True)
    return pipe, given


def nets(pipe: Any) -> list[torch.nn.Module]:
    controlnet = getattr(pipe, "controlnet", None)
    return [pipe.unet, *(getattr(controlnet, "nets", [controlnet]) if controlnet is not None else [])]


def test_an_ella_pipeline_equals_diffusers_own_with_the_authors_wrapped_unet(
    plain: tuple[Any, dict[str, Any]],
    connector: EllaConnector,
    t5: T5TextEncoder,
    authors_way: AuthorsWay,
    features: Features,
) -> None:
    pipe, given = plain
    with authors_way(connector, *nets(pipe)):
        expected = pipe(
            prompt_embeds=features(PROMPTS),
            negative_prompt_embeds=features(["ugly"] * 2),
            **settings(**given),
        ).images
    ella = EllaPipeline.from_pipe(pipe, ella=connector, text_encoder=t5)
    ella.set_progress_bar_config(disable=True)
    assert type(ella).__name__ == f"Ella{type(pipe).__name__}"
    images = ella(PROMPTS, negative_prompt="ugly", **settings(**given)).images
    assert images.shape == (2, 3, SIDE, SIDE)
    torch.testing.assert_close(images, expected, atol=1e-5, rtol=0)
    ready = ella(
        prompt_embeds=features(PROMPTS), negative_prompt_embeds=features(["ugly"] * 2), **settings(**given)
    ).images
    assert torch.equal(ready, images)
    other = ella(PROMPTS[::-1], negative_prompt="ugly", **settings(**given)).images
    assert not torch.allclose(other, images, atol=1e-4)


def test_the_adapter_makes_a_diffusers_pipeline_ellas_and_leaves_no_trace(
    plain: tuple[Any, dict[str, Any]], connector: EllaConnector, t5: T5TextEncoder, features: Features
) -> None:
    pipe, given = plain
    ella = EllaPipeline.from_pipe(pipe, ella=connector, text_encoder=t5)
    ella.set_progress_bar_config(disable=True)
    before = pipe("a b", **settings(**given, num_images_per_prompt=2)).images
    texts = {"prompt_embeds": features(PROMPTS), "negative_prompt_embeds": features([""] * 2)}
    expected = ella(PROMPTS, **settings(**given)).images
    models = [model for model in (pipe.unet, getattr(pipe, "controlnet", None)) if model is not None]
    for scheduler in (pipe.scheduler, None):
        with EllaAdapter(connector, *models, scheduler=scheduler):
            images = pipe(**texts, **settings(**given)).images
            torch.testing.assert_close(images, expected, atol=1e-5, rtol=0)
            with pytest.raises(EllaError, match=r"reads text features of width 16, but .* called with \[., 77, 32\]"):
                pipe("a b", **settings(**given, num_images_per_prompt=2))
    assert torch.equal(pipe("a b", **settings(**given, num_images_per_prompt=2)).images, before)


def test_a_component_that_a_form_has_no_place_for_is_left_out_with_a_warning(
    stable_diffusion: StableDiffusionPipeline,
    controlnets: list[ControlNetModel],
    connector: EllaConnector,
    t5: T5TextEncoder,
    caplog: pytest.LogCaptureFixture,
) -> None:
    plain = diffusers.StableDiffusionControlNetPipeline(
        **stable_diffusion.components, controlnet=controlnets[0], requires_safety_checker=False
    )
    with caplog.at_level(logging.WARNING):
        without = EllaStableDiffusionPipeline.from_pipe(plain, ella=connector, text_encoder=t5)
    assert caplog.messages == [
        "EllaStableDiffusionPipeline has no controlnet; the one of the StableDiffusionControlNetPipeline is left out."
    ]
    again = EllaStableDiffusionControlNetPipeline.from_pipe(without, controlnet=controlnets)
    assert list(again.controlnet.nets) == controlnets


def test_an_ella_controlnet_pipeline_is_loaded_saved_and_loaded_again(
    stable_diffusion: StableDiffusionPipeline,
    controlnets: list[ControlNetModel],
    connector: EllaConnector,
    t5: T5TextEncoder,
    tmp_path: Path,
) -> None:
    stable_diffusion.save_pretrained(tmp_path / "sd")
    pipe = EllaStableDiffusionControlNetPipeline.from_pretrained(
        tmp_path / "sd", controlnet=controlnets, ella=connector, text_encoder=t5
    )
    pipe.save_pretrained(tmp_path / "ella")
    with pytest.raises(EllaError, match=r"sd' could not be loaded: .*'controlnet'"):
        EllaStableDiffusionControlNetPipeline.from_pretrained(tmp_path / "sd", ella=connector, text_encoder=t5)
    with pytest.raises(EllaError, match="EllaStableDiffusionControlNetPipeline needs controlnet: give controlnet="):
        EllaStableDiffusionControlNetPipeline.from_pipe(stable_diffusion, ella=connector, text_encoder=t5)
    found = EllaPipeline.from_pretrained(tmp_path / "sd", ella=connector, text_encoder=t5)
    assert type(found) is EllaStableDiffusionPipeline
    found.save_pretrained(tmp_path / "without")
    with pytest.raises(EllaError, match=r"without' could not be loaded: .*'controlnet'"):
        EllaStableDiffusionControlNetPipeline.from_pretrained(tmp_path / "without")
    again = EllaPipeline.from_pretrained(tmp_path / "ella")
    assert type(again) is EllaStableDiffusionControlNetPipeline
    given = settings(image=[EDGES, DEPTH], generator=torch.Generator().manual_seed(1))
    images = pipe(PROMPTS[0], **given).images
    given["generator"].manual_seed(1)
    assert torch.equal(again(PROMPTS[0], **given).images, images)


def test_guidance_can_end_midway_with_controlnets(
    stable_diffusion: StableDiffusionPipeline,
    controlnets: list[ControlNetModel],
    connector: EllaConnector,
    t5: T5TextEncoder,
) -> None:
    plain = diffusers.StableDiffusionControlNetPipeline(
        **stable_diffusion.components, controlnet=controlnets, requires_safety_checker=False
    )
    ella = EllaPipeline.from_pipe(plain, ella=connector, text_encoder=t5)
    ella.set_progress_bar_config(disable=True)
    rows: list[int] = []
    ella.unet.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))

    def cut(prompts: list[str], generators: list[torch.Generator]) -> torch.Tensor:
        callback = SDCFGCutoffCallback(cutoff_step_ratio=None, cutoff_step_index=1)
        given = settings(image=[EDGES, DEPTH], callback_on_step_end=callback, generator=generators)
        return ella(prompts, **given).images

    together = cut(PROMPTS, [torch.Generator().manual_seed(seed) for seed in (3, 4)])
    assert rows == [4, 4, 2, 2]
    for index in range(2):
        alone = cut([PROMPTS[index]], [torch.Generator().manual_seed(3 + index)])
        torch.testing.assert_close(together[index : index + 1], alone, atol=1e-4, rtol=0)


def test_a_part_of_an_ella_pipeline_can_be_replaced(
    stable_diffusion: StableDiffusionPipeline, connector: EllaConnector, t5: T5TextEncoder
) -> None:
    ella = EllaPipeline.from_pipe(stable_diffusion, ella=connector, text_encoder=t5)
    other = EllaConnector.from_sizes(connector.sizes)
    replaced = EllaPipeline.from_pipe(ella, connector=other)
    assert replaced.connector is other
    assert replaced.components == ella.components | {"connector": other}


def test_a_text_encoder_that_reads_otherwise_than_in_training_is_refused(
    stable_diffusion: StableDiffusionPipeline, connector: EllaConnector, t5: T5TextEncoder
) -> None:
    other = T5TextEncoder(t5.tokenizer, t5.model, TextOptions(tokens=64))
    with pytest.raises(EllaError, match=r"reads prompts with \{'tokens': 64\}, but the connector was trained with"):
        EllaPipeline.from_pipe(stable_diffusion, ella=connector, text_encoder=other)
    short = EllaConnector.from_sizes(connector.sizes, text_options={"tokens": 64})
    pipe = EllaPipeline.from_pipe(stable_diffusion, ella=short, text_encoder=other)
    assert pipe.encode_prompt("a fox", "cpu", 1, False)[0].shape == (1, 64, 16)
