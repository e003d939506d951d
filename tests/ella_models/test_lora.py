from __future__ import annotations

import copy
import logging
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import StableDiffusionPipeline
from diffusers.utils import logging as diffusers_logging
from peft import LoraConfig, get_peft_model_state_dict

from ella_models import EllaConnector, EllaPipeline, EllaStableDiffusionPipeline, T5TextEncoder

Draw = Callable[..., torch.Tensor]
CLIP_LAYERS, T5_LAYERS = ("q_proj", "v_proj"), ("q", "v")


def lora_of(model: torch.nn.Module, layers: tuple[str, ...], *, seed: int) -> dict[str, torch.Tensor]:
    model = copy.deepcopy(model)
    model.add_adapter(LoraConfig(r=2, target_modules=list(layers), init_lora_weights=False))
    generator = torch.Generator().manual_seed(seed)
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {key: 0.3 * torch.randn(value.shape, generator=generator) for key, value in state.items()}


@pytest.fixture
def both(
    stable_diffusion: StableDiffusionPipeline, connector: EllaConnector, t5: T5TextEncoder
) -> EllaStableDiffusionPipeline:
    pipe = EllaPipeline.from_pipe(stable_diffusion, ella=connector, text_encoder=t5)
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture
def style(stable_diffusion: StableDiffusionPipeline, tmp_path: Path) -> Path:
    """A LoRA of U-Net and CLIP, as diffusers' training scripts save it."""
    StableDiffusionPipeline.save_lora_weights(
        tmp_path / "style",
        unet_lora_layers=lora_of(stable_diffusion.unet, ("to_q", "to_v"), seed=1),
        text_encoder_lora_layers=lora_of(stable_diffusion.text_encoder, CLIP_LAYERS, seed=2),
    )
    return tmp_path / "style"


@pytest.fixture
def subject(stable_diffusion: StableDiffusionPipeline, tmp_path: Path) -> Path:
    """A LoRA of the U-Net alone."""
    layers = lora_of(stable_diffusion.unet, ("to_k", "to_v"), seed=3)
    StableDiffusionPipeline.save_lora_weights(tmp_path / "subject", unet_lora_layers=layers)
    return tmp_path / "subject"


def test_a_lora_changes_images_scales_fuses_and_unloads_without_a_trace(
    pipeline: EllaStableDiffusionPipeline, subject: Path, draw: Draw
) -> None:
    before = draw(pipeline, "a fox")
    pipeline.load_lora_weights(subject, adapter_name="subject")
    loaded = draw(pipeline, "a fox")
    assert not torch.allclose(loaded, before, atol=1e-2)
    half = draw(pipeline, "a fox", cross_attention_kwargs={"scale": 0.5})
    assert not torch.allclose(half, loaded, atol=1e-3)
    pipeline.set_adapters("subject", 0.5)
    torch.testing.assert_close(draw(pipeline, "a fox"), half, atol=1e-4, rtol=0)
    pipeline.set_adapters("subject", 0.0)
    torch.testing.assert_close(draw(pipeline, "a fox"), before, atol=1e-4, rtol=0)
    pipeline.set_adapters("subject", 1.0)
    pipeline.fuse_lora()
    torch.testing.assert_close(draw(pipeline, "a fox"), loaded, atol=1e-3, rtol=0)
    pipeline.unfuse_lora()
    torch.testing.assert_close(draw(pipeline, "a fox"), loaded, atol=1e-3, rtol=0)
    pipeline.unload_lora_weights()
    torch.testing.assert_close(draw(pipeline, "a fox"), before, atol=1e-3, rtol=0)


@pytest.mark.filterwarnings("ignore:Already found a `peft_config` attribute:UserWarning")
def test_several_loras_add_up_with_weights_of_their_own(
    pipeline: EllaStableDiffusionPipeline, style: Path, subject: Path, draw: Draw
) -> None:
    pipeline.load_lora_weights(style, adapter_name="style")
    one = draw(pipeline, "a fox")
    pipeline.load_lora_weights(subject, adapter_name="subject")
    pipeline.set_adapters(["style", "subject"], [1.0, 0.0])
    torch.testing.assert_close(draw(pipeline, "a fox"), one, atol=1e-4, rtol=0)
    pipeline.set_adapters(["style", "subject"], [0.7, 0.4])
    mixed = draw(pipeline, "a fox")
    assert not torch.allclose(mixed, one, atol=1e-3)
    pipeline.fuse_lora(adapter_names=["style", "subject"])
    pipeline.unload_lora_weights()  # what is fused stays
    torch.testing.assert_close(draw(pipeline, "a fox"), mixed, atol=1e-3, rtol=0)


def test_a_fused_lora_is_saved_with_the_pipeline(
    pipeline: EllaStableDiffusionPipeline, subject: Path, draw: Draw, tmp_path: Path
) -> None:
    pipeline.load_lora_weights(subject)
    pipeline.fuse_lora()
    pipeline.unload_lora_weights()
    pipeline.save_pretrained(tmp_path / "fused")
    again = EllaStableDiffusionPipeline.from_pretrained(tmp_path / "fused")
    torch.testing.assert_close(draw(again, "a fox"), draw(pipeline, "a fox"), atol=1e-5, rtol=0)


def test_the_clip_part_of_a_lora_counts_with_clip_and_is_left_out_with_a_warning_without(
    pipeline: EllaStableDiffusionPipeline,
    both: EllaStableDiffusionPipeline,
    style: Path,
    caplog: pytest.LogCaptureFixture,
    draw: Draw,
) -> None:
    names = set(pipeline.text_encoder.state_dict())
    diffusers_logging.enable_propagation()
    try:
        with caplog.at_level(logging.WARNING):
            pipeline.load_lora_weights(style, adapter_name="style")
    finally:
        diffusers_logging.disable_propagation()
    assert "CLIP's text encoder, which this pipeline was loaded without" in caplog.text
    assert set(pipeline.text_encoder.state_dict()) == names
    pipeline.unload_lora_weights()

    before = draw(both, "a b", clip=True)
    both.load_lora_weights(style, adapter_name="style")
    assert both.get_list_adapters() == {"unet": ["style"], "clip_text_encoder": ["style"]}
    loaded = draw(both, "a b", clip=True)
    both.set_adapters("style", {"unet": 1.0, "clip_text_encoder": 0.0})
    assert not torch.allclose(draw(both, "a b", clip=True), loaded, atol=1e-4)
    both.set_adapters("style", 1.0)
    both.fuse_lora()
    torch.testing.assert_close(draw(both, "a b", clip=True), loaded, atol=1e-3, rtol=0)
    both.unfuse_lora()
    both.unload_lora_weights()
    torch.testing.assert_close(draw(both, "a b", clip=True), before, atol=1e-3, rtol=0)


def test_a_lora_of_t5_that_the_pipeline_saved_is_loaded_into_t5(
    both: EllaStableDiffusionPipeline, draw: Draw, tmp_path: Path
) -> None:
    layers = lora_of(both.text_encoder, T5_LAYERS, seed=4)
    EllaStableDiffusionPipeline.save_lora_weights(tmp_path, text_encoder_lora_layers=layers)
    before = draw(both, "a fox")
    both.load_lora_weights(tmp_path, adapter_name="t5")
    assert both.get_list_adapters() == {"text_encoder": ["t5"]}
    loaded = draw(both, "a fox")
    assert not torch.allclose(loaded, before, atol=1e-3)
    kept = get_peft_model_state_dict(both.text_encoder, adapter_name="t5", save_embedding_layers=False)
    assert kept.keys() == layers.keys()
    assert all(torch.equal(kept[name], layers[name]) for name in layers)
    half = draw(both, "a fox", cross_attention_kwargs={"scale": 0.5})
    assert not torch.allclose(half, loaded, atol=1e-4)
    assert torch.equal(draw(both, "a fox"), loaded)
    both.unload_lora_weights()
    torch.testing.assert_close(draw(both, "a fox"), before, atol=1e-4, rtol=0)
