"""What diffusers' common tests ask of a pipeline (its `tests/pipelines/test_pipelines_common.py`), one by one.

Others stand where they belong: batches, output types, callbacks and half precision in test_pipeline.py, saving,
offloading by model and a folder of variants in test_components.py and test_precision.py, schedulers in
test_schedulers.py, `torch.compile` in test_adapter.py, IP-Adapter in test_ip_adapter.py.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import accelerate
import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline
from PIL import Image

import ella_models
from ella_models import (
    EllaConnector,
    EllaPipeline,
    EllaStableDiffusionImg2ImgPipeline,
    EllaStableDiffusionPipeline,
    T5TextEncoder,
)

Draw = Callable[..., torch.Tensor]
PROMPT = "three sheep graze on a hillside"
CLOSE = {"atol": 2e-4, "rtol": 0.0}


@pytest.fixture
def img2img(pipeline: EllaStableDiffusionPipeline) -> EllaStableDiffusionImg2ImgPipeline:
    pipe = EllaStableDiffusionImg2ImgPipeline.from_pipe(pipeline)
    pipe.set_progress_bar_config(disable=True)
    return pipe


def test_the_call_has_every_argument_of_the_diffusers_pipeline_and_of_ella() -> None:
    ella = {"length", "fixed_negative", "clip", "clip_prompt", "clip_negative_prompt"}
    public = [getattr(ella_models, name) for name in ella_models.__all__]
    forms = [form for form in public if getattr(form, "plain_class", None) is not None]
    assert len(forms) == 6
    for form in forms:
        plain = inspect.signature(form.plain_class.__call__).parameters.keys() - {"kwargs"}
        assert inspect.signature(form.__call__).parameters.keys() == plain | ella, form
        assert inspect.signature(form.__call__).parameters["guidance_scale"].default == 12.0


def test_components_make_the_pipeline_again(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    again = EllaStableDiffusionPipeline(**pipeline.components)
    again.set_progress_bar_config(disable=True)
    assert torch.equal(draw(again, PROMPT), draw(pipeline, PROMPT))


def test_a_prompt_list_of_any_length_gives_as_many_images(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    prompts = [PROMPT, PROMPT[: len(PROMPT) // 2], 100 * "very long "]
    assert len(draw(pipeline, prompts, negative_prompt=["", "", "x"])) == 3


@pytest.mark.parametrize("prompts", [1, 2])
@pytest.mark.parametrize("images", [1, 2])
def test_num_images_per_prompt_counts_for_each_prompt(
    pipeline: EllaStableDiffusionPipeline, draw: Draw, prompts: int, images: int
) -> None:
    assert len(draw(pipeline, [PROMPT] * prompts, num_images_per_prompt=images)) == prompts * images


def test_guidance_1_and_guidance_above_give_images_of_one_shape(
    pipeline: EllaStableDiffusionPipeline, draw: Draw
) -> None:
    assert draw(pipeline, PROMPT, guidance_scale=1.0).shape == draw(pipeline, PROMPT, guidance_scale=7.5).shape


def test_a_callback_may_change_the_guidance_at_each_step(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    seen = []

    def grow(pipe: Any, *_: Any) -> None:
        pipe._guidance_scale += 1.0
        seen.append(pipe.guidance_scale)

    draw(pipeline, PROMPT, guidance_scale=2.0, num_inference_steps=3, callback_on_step_end=grow)
    assert seen == [3.0, 4.0, 5.0]


def test_a_callback_is_offered_every_tensor_and_its_changes_count(
    pipeline: EllaStableDiffusionPipeline, draw: Draw
) -> None:
    offered: list[set[str]] = []

    def switch(pipe: Any, step: int, _: Any, tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor] | None:
        offered.append(set(tensors))
        return {"prompt_embeds": torch.zeros_like(tensors["prompt_embeds"])} if step == 0 else None

    names = pipeline._callback_tensor_inputs
    changed = draw(pipeline, PROMPT, callback_on_step_end=switch, callback_on_step_end_tensor_inputs=names)
    assert offered == [{"latents", "prompt_embeds", "negative_prompt_embeds"}] * 2
    assert not torch.allclose(changed, draw(pipeline, PROMPT), atol=1e-3)


def test_a_call_can_be_interrupted(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    states: list[torch.Tensor] = []

    def stop(pipe: Any, step: int, _: Any, tensors: dict[str, torch.Tensor]) -> None:
        states.append(tensors["latents"])
        pipe._interrupt = step == 1

    latents = draw(pipeline, PROMPT, num_inference_steps=5, callback_on_step_end=stop)
    assert len(states) == 2
    assert torch.equal(latents, states[1])


def test_encode_prompt_works_in_isolation(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    with_text = {
        name: part if "text" in name or "tokenizer" in name else None for name, part in pipeline.components.items()
    }
    without_text = {name: part for name, part in pipeline.components.items() if with_text[name] is None}
    encoder = EllaStableDiffusionPipeline(**with_text)
    drawer = EllaStableDiffusionPipeline(**without_text, text_encoder=None, tokenizer=None)
    drawer.set_progress_bar_config(disable=True)
    for length in ("fixed", "flexible"):
        positive, negative = encoder.encode_prompt([PROMPT, "x"], "cpu", 1, True, "ugly", length=length)
        assert len(positive) == len(negative) == 2
        ready = draw(drawer, None, prompt_embeds=positive, negative_prompt_embeds=negative)
        expected = draw(pipeline, [PROMPT, "x"], negative_prompt="ugly", length=length)
        torch.testing.assert_close(ready, expected, **CLOSE)
    assert encoder.encode_prompt(PROMPT, "cpu", 3, False)[0].shape == (3, 128, 16)
    assert encoder.encode_prompt(PROMPT, "cpu", 3, False)[1] is None


def test_optional_components_are_saved_as_none_and_load(
    pipeline: EllaStableDiffusionPipeline, draw: Draw, tmp_path: Path
) -> None:
    pipeline.save_pretrained(tmp_path)
    again = EllaStableDiffusionPipeline.from_pretrained(tmp_path)
    assert all(getattr(again, name) is None for name in pipeline._optional_components)
    assert torch.equal(draw(again, PROMPT), draw(pipeline, PROMPT))
    partly = EllaStableDiffusionPipeline.from_pretrained(tmp_path, unet=pipeline.unet)
    assert partly.unet is pipeline.unet
    plain = EllaPipeline.from_pretrained(tmp_path)
    assert type(plain) is EllaStableDiffusionPipeline


def test_moves_of_device_and_precision_reach_every_model(pipeline: EllaStableDiffusionPipeline) -> None:
    models = {name: part for name, part in pipeline.components.items() if isinstance(part, torch.nn.Module)}
    assert models.keys() == {"vae", "text_encoder", "connector", "unet"}
    pipeline.to(dtype=torch.bfloat16)
    assert {part.dtype for part in models.values()} == {torch.bfloat16}
    pipeline.to("meta")
    assert {part.device.type for part in models.values()} == {"meta"}


def test_a_call_leaves_every_component_as_it_was(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    models = [part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)]
    before = [{name: value.clone() for name, value in model.state_dict().items()} for model in models]
    draw(pipeline, PROMPT, output_type="pt")
    for model, state in zip(models, before, strict=True):
        assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
        assert all(parameter.grad is None for parameter in model.parameters())
        assert not model._forward_pre_hooks
        assert not model.training


@pytest.mark.parametrize("offload", ["by model", "by submodule"])
def test_offloading_changes_nothing_in_one_call_or_two(
    pipeline: EllaStableDiffusionPipeline, draw: Draw, offload: str
) -> None:
    # the CPU stands in for the accelerator: the hooks are the same, only nothing is saved
    before = draw(pipeline, PROMPT, output_type="pt")
    if offload == "by model":
        pipeline.enable_model_cpu_offload(device="cpu")
    else:  # what `enable_sequential_cpu_offload` does; it would name the CPU as it names GPUs, by a number
        for model in (part for part in pipeline.components.values() if isinstance(part, torch.nn.Module)):
            accelerate.cpu_offload(model, torch.device("cpu"), offload_buffers=len(model._parameters) > 0)
        assert pipeline.device.type == "meta"
    for _ in range(2):
        torch.testing.assert_close(draw(pipeline, PROMPT, output_type="pt"), before, **CLOSE)


def test_attention_slicing_changes_nothing(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    before = draw(pipeline, PROMPT)
    for size in (1, 2):
        pipeline.enable_attention_slicing(slice_size=size)
        torch.testing.assert_close(draw(pipeline, PROMPT), before, **CLOSE)


def test_vae_slicing_and_tiling_change_nothing_that_can_be_seen(
    pipeline: EllaStableDiffusionPipeline, draw: Draw
) -> None:
    before = draw(pipeline, [PROMPT] * 2, output_type="pt")
    pipeline.vae.enable_slicing()
    torch.testing.assert_close(draw(pipeline, [PROMPT] * 2, output_type="pt"), before, **CLOSE)
    pipeline.vae.enable_tiling()
    assert (draw(pipeline, [PROMPT] * 2, output_type="pt") - before).abs().mean() < 0.1


def test_freeu_changes_images_and_is_taken_back(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    before = draw(pipeline, PROMPT)
    pipeline.enable_freeu(s1=0.9, s2=0.2, b1=1.2, b2=1.4)
    assert not torch.allclose(draw(pipeline, PROMPT), before, atol=1e-3)
    pipeline.disable_freeu()
    torch.testing.assert_close(draw(pipeline, PROMPT), before, **CLOSE)


def test_fused_projections_change_nothing_and_are_taken_back(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    before = draw(pipeline, PROMPT)
    pipeline.fuse_qkv_projections()
    torch.testing.assert_close(draw(pipeline, PROMPT), before, atol=1e-2, rtol=0)
    pipeline.unfuse_qkv_projections()
    torch.testing.assert_close(draw(pipeline, PROMPT), before, **CLOSE)


def test_layerwise_casting_runs(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    pipeline.to(dtype=torch.bfloat16)
    pipeline.unet.enable_layerwise_casting(storage_dtype=torch.float8_e4m3fn, compute_dtype=torch.bfloat16)
    assert draw(pipeline, PROMPT).isfinite().all()


def test_group_offloading_of_unet_and_connector_changes_nothing(
    pipeline: EllaStableDiffusionPipeline, draw: Draw
) -> None:
    before = draw(pipeline, PROMPT)
    for name in ("unet", "connector"):
        getattr(pipeline, name).enable_group_offload(onload_device=torch.device("cpu"), offload_type="leaf_level")
    torch.testing.assert_close(draw(pipeline, PROMPT), before, **CLOSE)


@pytest.mark.parametrize("kind", ["pil", "np"])
def test_images_come_in_as_pil_and_numpy_as_well(img2img: EllaStableDiffusionImg2ImgPipeline, kind: str) -> None:
    levels = torch.randint(0, 256, (1, 3, 16, 16), generator=torch.Generator().manual_seed(0))
    array = levels.permute(0, 2, 3, 1).numpy().astype(np.uint8)
    other = Image.fromarray(array[0]) if kind == "pil" else array / 255

    def made(image: Any) -> Any:
        generator = torch.Generator().manual_seed(0)
        return img2img(PROMPT, image=image, num_inference_steps=4, generator=generator, output_type="pt").images

    torch.testing.assert_close(made(other), made(levels / 255), **CLOSE)


def test_img2img_takes_latents_for_the_image(img2img: EllaStableDiffusionImg2ImgPipeline) -> None:
    latents = torch.randn(1, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    assert img2img(PROMPT, image=latents, num_inference_steps=4, output_type="pt").images.shape == (1, 3, 16, 16)


def test_from_pipe_goes_there_and_back(
    stable_diffusion: StableDiffusionPipeline, connector: EllaConnector, t5: T5TextEncoder, draw: Draw
) -> None:
    stable_diffusion.set_progress_bar_config(disable=True)
    before = draw(stable_diffusion, "a b")
    ella = EllaStableDiffusionPipeline.from_pipe(stable_diffusion, ella=connector, text_encoder=t5)
    ella.set_progress_bar_config(disable=True)
    drawn = draw(ella, "a b", clip=True)
    assert not torch.allclose(drawn, before, atol=1e-3)
    image = EllaStableDiffusionImg2ImgPipeline.from_pipe(ella)
    again = EllaStableDiffusionPipeline.from_pipe(image)
    again.set_progress_bar_config(disable=True)
    assert again.components == ella.components
    assert torch.equal(draw(again, "a b", clip=True), drawn)
    back = StableDiffusionPipeline.from_pipe(
        again, text_encoder=again.clip_text_encoder, tokenizer=again.clip_tokenizer
    )
    back.set_progress_bar_config(disable=True)
    assert torch.equal(draw(back, "a b"), before)


def test_from_pipe_of_an_offloaded_pipeline_draws_the_same(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    before = draw(pipeline, PROMPT)
    pipeline.enable_model_cpu_offload(device="cpu")
    again = EllaStableDiffusionPipeline.from_pipe(pipeline)
    again.set_progress_bar_config(disable=True)
    again.enable_model_cpu_offload(device="cpu")
    torch.testing.assert_close(draw(again, PROMPT), before, **CLOSE)
