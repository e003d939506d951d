"""ELLA on SDXL, at toy size."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from diffusers import AutoencoderKL, EulerDiscreteScheduler, StableDiffusionXLPipeline, UNet2DConditionModel

from ella_models import ConnectorConfig, EllaConnector, EllaError, EllaStableDiffusionXLPipeline, T5TextEncoder
from ella_models.text_encoder import TextInput

SIZES = ConnectorConfig(
    time_channel=8, time_embed_dim=24, width=32, layers=1, heads=4, num_latents=6, input_dim=16, pooled_dim=20
)


@pytest.fixture
def plain() -> StableDiffusionXLPipeline:
    torch.manual_seed(2)
    unet = UNet2DConditionModel(
        sample_size=8,
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=(2, 4),
        cross_attention_dim=32,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        use_linear_projection=True,
        addition_embed_type="text_time",
        addition_time_embed_dim=8,
        projection_class_embeddings_input_dim=6 * 8 + 20,
    )
    vae = AutoencoderKL(
        block_out_channels=(8, 8),
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    )
    return StableDiffusionXLPipeline(
        vae.eval(), None, None, None, None, unet.eval(), EulerDiscreteScheduler(), add_watermarker=False
    )


def connector_of(sizes: ConnectorConfig) -> EllaConnector:
    torch.manual_seed(3)
    connector = EllaConnector.from_sizes(sizes)
    return connector.requires_grad_(False).eval()


def ella_of(plain: StableDiffusionXLPipeline, t5: T5TextEncoder, sizes: ConnectorConfig) -> Any:
    pipe = EllaStableDiffusionXLPipeline(
        plain.vae, t5.model, t5.tokenizer, connector_of(sizes), plain.unet, plain.scheduler
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


def draw(pipe: Any, **asked: Any) -> torch.Tensor:
    settings = {"num_inference_steps": 2, "output_type": "latent", "generator": torch.Generator().manual_seed(0)}
    return pipe(**{"prompt": "a red fox", **settings, **asked}).images


def test_the_unet_reads_tokens_and_pooled_of_its_own_timestep(
    plain: StableDiffusionXLPipeline, t5: T5TextEncoder
) -> None:
    pipe = ella_of(plain, t5, SIZES)
    seen: list[tuple[float, torch.Tensor, torch.Tensor]] = []

    def record(_: Any, args: Any, kwargs: Any, __: Any) -> None:
        seen.append((float(args[1]), kwargs["encoder_hidden_states"], kwargs["added_cond_kwargs"]["text_embeds"]))

    handle = plain.unet.register_forward_hook(record, with_kwargs=True)
    draw(pipe, negative_prompt="a cat", num_images_per_prompt=2)
    handle.remove()
    texts = [TextInput("a cat", "fixed"), TextInput("a red fox", "fixed")]
    features = t5.encode(texts, device="cpu").states
    assert len({time for time, _, _ in seen}) == 2
    for time, tokens, pooled in seen:
        expected = pipe.connector(features, torch.tensor(time))
        torch.testing.assert_close(tokens, expected.repeat_interleave(2, 0), atol=1e-6, rtol=1e-5)
        expected_pooled = pipe.connector.pooled(expected).repeat_interleave(2, 0)
        torch.testing.assert_close(pooled, expected_pooled, atol=1e-6, rtol=1e-5)


def test_images_follow_prompt_time_ids_and_ready_features(plain: StableDiffusionXLPipeline, t5: T5TextEncoder) -> None:
    pipe = ella_of(plain, t5, SIZES)
    before = draw(pipe)
    assert torch.equal(draw(pipe), before)
    assert not torch.equal(draw(pipe, prompt="a blue sky"), before)
    assert not torch.equal(draw(pipe, original_size=(64, 64)), before)
    features = t5.encode([TextInput("a red fox", "fixed"), TextInput("", "fixed")], device="cpu").states
    pooled = torch.zeros(1, 20)
    ready = {"prompt_embeds": features[:1], "negative_prompt_embeds": features[1:]}
    places = {"pooled_prompt_embeds": pooled, "negative_pooled_prompt_embeds": pooled}
    torch.testing.assert_close(draw(pipe, prompt=None, **ready, **places), before, atol=1e-5, rtol=0)
    assert not plain.unet._forward_pre_hooks


def test_it_loads_from_its_parts_and_from_what_it_saved(
    plain: StableDiffusionXLPipeline, t5: T5TextEncoder, tmp_path: Path
) -> None:
    pipe = ella_of(plain, t5, SIZES)
    before = draw(pipe)
    plain.save_pretrained(tmp_path / "sdxl")
    pipe.connector.save_pretrained(tmp_path / "ella")
    pipe.save_pretrained(tmp_path / "saved")
    made = EllaStableDiffusionXLPipeline.from_pretrained(tmp_path / "sdxl", ella=tmp_path / "ella", text_encoder=t5)
    saved = EllaStableDiffusionXLPipeline.from_pretrained(tmp_path / "saved")
    for other in (made, saved):
        other.set_progress_bar_config(disable=True)
        torch.testing.assert_close(draw(other), before, atol=1e-2, rtol=1e-4)


def test_parts_that_do_not_fit_and_second_prompts_are_refused(
    plain: StableDiffusionXLPipeline, t5: T5TextEncoder, stable_diffusion: Any
) -> None:
    with pytest.raises(EllaError, match="a pooled embedding of none, but the U-Net reads 32 and 20"):
        ella_of(plain, t5, replace(SIZES, pooled_dim=None))
    with pytest.raises(EllaError, match="reads text features of width 15"):
        ella_of(plain, t5, replace(SIZES, input_dim=15))
    with pytest.raises(EllaError, match="none of SDXL's"):
        ella_of(stable_diffusion, t5, SIZES)
    with pytest.raises(EllaError, match="ELLA reads one prompt"):
        draw(ella_of(plain, t5, SIZES), prompt_2="a cat")
