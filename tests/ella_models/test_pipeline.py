from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import (
    DDIMScheduler,
    DDPMPipeline,
    EulerAncestralDiscreteScheduler,
    EulerDiscreteScheduler,
    HeunDiscreteScheduler,
    LCMScheduler,
    PNDMScheduler,
    SchedulerMixin,
    StableDiffusionPipeline,
    UNet2DConditionModel,
    UNet2DModel,
    UniPCMultistepScheduler,
)
from diffusers.callbacks import SDCFGCutoffCallback
from PIL import Image

from ella_models import EllaConnector, EllaError, EllaPipeline, EllaStableDiffusionPipeline, T5TextEncoder
from ella_models.condition import ROWS_PER_PASS
from ella_models.text_encoder import Length

Draw = Callable[..., torch.Tensor]
PROMPTS = ["a red fox", "three sheep graze on a hillside, under a pale sky.", "x"]


def seeds(*values: int) -> list[torch.Generator]:
    return [torch.Generator().manual_seed(value) for value in values]


class Tally:
    """Counts the rows that go through a component, without changing what it does."""

    def __init__(self, component: torch.nn.Module, row: Callable[..., list[Any]]) -> None:
        self.rows: Counter[Any] = Counter()
        self.calls = 0
        component.register_forward_hook(self._count(row))

    def _count(self, row: Callable[..., list[Any]]) -> Callable[..., None]:
        def hook(_: torch.nn.Module, inputs: tuple[Any, ...], __: Any) -> None:
            self.calls += 1
            self.rows.update(row(*inputs))

        return hook


@pytest.fixture
def connector_rows(connector: EllaConnector) -> Tally:
    def row(text: torch.Tensor, timestep: torch.Tensor, *_: Any) -> list[Any]:
        return [(t.item(), tuple(x.flatten().tolist())) for x, t in zip(text, timestep, strict=True)]

    return Tally(connector, row)


@pytest.mark.parametrize("length", ["fixed", "flexible"])
def test_connector_runs_once_per_prompt_and_timestep(
    pipeline: EllaStableDiffusionPipeline, connector_rows: Tally, draw: Draw, length: Length
) -> None:
    draw(pipeline, [PROMPTS[0], PROMPTS[0], PROMPTS[1]], num_images_per_prompt=2, num_inference_steps=4, length=length)
    assert len(connector_rows.rows) == (2 + 1) * 4  # two prompts and the empty one, four timesteps
    assert set(connector_rows.rows.values()) == {1}


def test_connector_runs_once_where_a_scheduler_repeats_timesteps(
    pipeline: EllaStableDiffusionPipeline, connector_rows: Tally, draw: Draw
) -> None:
    pipeline.scheduler = HeunDiscreteScheduler.from_config(pipeline.scheduler.config)
    draw(pipeline, PROMPTS[0], num_inference_steps=4)
    assert pipeline.num_timesteps == 7
    assert len(connector_rows.rows) == 2 * 4
    assert set(connector_rows.rows.values()) == {1}


def test_connector_passes_stay_small(pipeline: EllaStableDiffusionPipeline, connector_rows: Tally, draw: Draw) -> None:
    draw(pipeline, PROMPTS, num_inference_steps=30, callback_on_step_end=stop_at_once)
    assert sum(connector_rows.rows.values()) == 4 * 30
    assert connector_rows.calls == -(-30 // (ROWS_PER_PASS // 4))


def stop_at_once(pipe: EllaStableDiffusionPipeline, *_: Any) -> dict[str, torch.Tensor]:
    pipe._interrupt = True
    return {}


def test_text_encoder_reads_each_distinct_prompt_once(
    pipeline: EllaStableDiffusionPipeline, t5: T5TextEncoder, draw: Draw
) -> None:
    tally = Tally(t5.model, lambda ids, *_: [tuple(row.tolist()) for row in ids])
    draw(pipeline, PROMPTS * 2, num_images_per_prompt=2, length="flexible")
    assert tally.calls == 1
    assert sum(tally.rows.values()) == len(PROMPTS) + 1


def test_negative_prompt_costs_nothing_without_guidance(
    pipeline: EllaStableDiffusionPipeline, connector_rows: Tally, draw: Draw
) -> None:
    unet = Tally(pipeline.unet, lambda latents, *_: [len(latents)])
    one = draw(pipeline, PROMPTS[0], guidance_scale=1.0)
    assert len(connector_rows.rows) == 2
    assert set(unet.rows) == {1}
    assert torch.equal(one, draw(pipeline, PROMPTS[0], guidance_scale=1.0, negative_prompt="blurry"))
    assert not torch.allclose(one, draw(pipeline, PROMPTS[0], guidance_scale=7.5), atol=1e-3)


@pytest.mark.parametrize("ways", [{}, {"length": "flexible"}, {"length": "flexible", "fixed_negative": True}])
def test_an_image_does_not_depend_on_its_batch(
    pipeline: EllaStableDiffusionPipeline, draw: Draw, ways: dict[str, Any]
) -> None:
    prompts = [PROMPTS[0], PROMPTS[0], PROMPTS[1], PROMPTS[2]]
    together = draw(pipeline, prompts, generator=seeds(5, 6, 7, 8), **ways)
    for index, prompt in enumerate(prompts):
        alone = draw(pipeline, prompt, generator=seeds(5 + index), **ways)
        torch.testing.assert_close(together[index : index + 1], alone, atol=2e-4, rtol=0)


def test_images_of_a_prompt_stand_together_in_order(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    by_count = draw(pipeline, PROMPTS[:2], num_images_per_prompt=2, generator=seeds(1, 2, 3, 4))
    repeated = [PROMPTS[0], PROMPTS[0], PROMPTS[1], PROMPTS[1]]
    assert torch.equal(by_count, draw(pipeline, repeated, generator=seeds(1, 2, 3, 4)))


def test_negative_prompts_go_with_their_prompts(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    together = draw(pipeline, PROMPTS[:2], negative_prompt=["ugly", "blurry"], num_images_per_prompt=2)
    generators = seeds(0, 1, 2, 3)
    first = draw(pipeline, PROMPTS[0], negative_prompt="ugly", num_images_per_prompt=2, generator=generators[:2])
    second = draw(pipeline, PROMPTS[1], negative_prompt="blurry", num_images_per_prompt=2, generator=generators[2:])
    torch.testing.assert_close(together, torch.cat([first, second]), atol=2e-4, rtol=0)
    assert not torch.allclose(first, draw(pipeline, PROMPTS[0], num_images_per_prompt=2), atol=1e-3)


def test_given_latents_are_the_noise_a_generator_draws(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    pipeline.scheduler = EulerDiscreteScheduler.from_config(
        pipeline.scheduler.config
    )  # its noise is not of unit variance
    noise = torch.cat([torch.randn(1, 4, 8, 8, generator=generator) for generator in seeds(0, 1)])
    given = draw(pipeline, PROMPTS[0], num_images_per_prompt=2, latents=noise, generator=None)
    assert torch.equal(given, draw(pipeline, PROMPTS[0], num_images_per_prompt=2))


@pytest.mark.parametrize(
    "scheduler",
    [DDIMScheduler, EulerAncestralDiscreteScheduler, EulerDiscreteScheduler, PNDMScheduler, UniPCMultistepScheduler],
)
def test_any_scheduler_works_and_repeats_itself(
    pipeline: EllaStableDiffusionPipeline, draw: Draw, scheduler: type[SchedulerMixin]
) -> None:
    options = {"skip_prk_steps": True} if scheduler is PNDMScheduler else {}  # as Stable Diffusion 1.5 has it
    pipeline.scheduler = scheduler.from_config(pipeline.scheduler.config, **options)
    once = draw(pipeline, PROMPTS[:2], num_inference_steps=3)
    assert torch.isfinite(once).all()
    assert torch.equal(once, draw(pipeline, PROMPTS[:2], num_inference_steps=3))


def test_every_output_type_holds_the_same_image(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    settings = {"prompts": PROMPTS[0], "height": 24, "width": 16}
    pixels = draw(pipeline, **settings, output_type="pt")
    assert pixels.shape == (1, 3, 24, 16)
    assert 0 <= pixels.min() <= pixels.max() <= 1
    array = draw(pipeline, **settings, output_type="np")
    (image,) = draw(pipeline, **settings, output_type="pil")
    assert isinstance(image, Image.Image)
    assert np.array_equal(array[0], pixels[0].permute(1, 2, 0).numpy())
    assert np.array_equal(np.asarray(image), (array[0] * 255).round().astype(np.uint8))
    in_tuple, _ = pipeline(
        PROMPTS[0], height=24, width=16, num_inference_steps=2, generator=seeds(0), output_type="np", return_dict=False
    )
    assert np.array_equal(in_tuple, array)


def test_size_is_the_unets_own_by_default(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    assert draw(pipeline, PROMPTS[0], output_type="pt").shape == (1, 3, 16, 16)


def test_step_callback_sees_every_step_and_can_replace_latents(
    pipeline: EllaStableDiffusionPipeline, draw: Draw
) -> None:
    seen: list[tuple[int, float]] = []

    def to_zero(pipe: Any, step: int, timestep: torch.Tensor, tensors: dict[str, Any]) -> dict[str, torch.Tensor]:
        seen.append((step, float(timestep)))
        return {"latents": torch.zeros_like(tensors["latents"])} if step == 2 else {}

    latents = draw(pipeline, PROMPTS[0], num_inference_steps=3, callback_on_step_end=to_zero)
    assert [step for step, _ in seen] == [0, 1, 2]
    assert [timestep for _, timestep in seen] == pipeline.scheduler.timesteps.tolist()
    assert not latents.any()


def test_step_callback_can_stop_the_guidance_and_the_call(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    unet = Tally(pipeline.unet, lambda latents, *_: [len(latents)])

    def wind_down(pipe: Any, step: int, *_: Any) -> dict[str, torch.Tensor]:
        pipe._guidance_scale = 0.0
        pipe._interrupt = step == 1
        return {}

    draw(pipeline, PROMPTS[0], num_inference_steps=5, callback_on_step_end=wind_down)
    assert unet.rows == {2: 1, 1: 1}


def test_diffusers_guidance_cutoff_ends_the_guidance_of_every_image(
    pipeline: EllaStableDiffusionPipeline, draw: Draw
) -> None:
    unet = Tally(pipeline.unet, lambda latents, *_: [len(latents)])

    def cut(batch: list[str], *generators: torch.Generator) -> torch.Tensor:
        callback = SDCFGCutoffCallback(cutoff_step_ratio=None, cutoff_step_index=1)
        return draw(pipeline, batch, num_inference_steps=4, callback_on_step_end=callback, generator=list(generators))

    together = cut(PROMPTS[:2], *seeds(0, 1))
    assert unet.rows == {4: 2, 2: 2}
    for index in range(2):
        alone = cut(PROMPTS[index : index + 1], *seeds(index))
        torch.testing.assert_close(together[index : index + 1], alone, atol=2e-4, rtol=0)


def test_a_distilled_unet_reads_the_guidance_as_in_stable_diffusion(  # noqa: PLR0917 - fixtures
    pipeline: EllaStableDiffusionPipeline,
    stable_diffusion: StableDiffusionPipeline,
    connector: EllaConnector,
    new_unet: Callable[..., UNet2DConditionModel],
    authors_way: Callable[..., AbstractContextManager[None]],
    features: Callable[[list[str]], torch.Tensor],
    draw: Draw,
) -> None:
    pipeline.unet = stable_diffusion.unet = new_unet(time_cond_proj_dim=16)
    pipeline.scheduler = stable_diffusion.scheduler = LCMScheduler.from_config(pipeline.scheduler.config)
    stable_diffusion.set_progress_bar_config(disable=True)
    unet = Tally(pipeline.unet, lambda latents, *_: [len(latents)])
    given = {"num_inference_steps": 3, "guidance_scale": 8.5, "output_type": "latent"}
    with authors_way(connector, stable_diffusion.unet):
        expected = stable_diffusion(prompt_embeds=features(PROMPTS[:2]), generator=seeds(0, 1), **given).images
    latents = draw(pipeline, PROMPTS[:2], **given)
    torch.testing.assert_close(latents, expected, atol=1e-4, rtol=0)
    assert set(unet.rows) == {2}
    assert not torch.allclose(latents, draw(pipeline, PROMPTS[:2], **(given | {"guidance_scale": 1.5})), atol=1e-3)


def test_ready_features_of_different_lengths_share_a_call(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    positive, _ = pipeline.encode_prompt(PROMPTS[0], "cpu", 1, False, length="flexible")
    negative, _ = pipeline.encode_prompt("ugly", "cpu", 1, False, length="fixed")
    assert positive.shape[1] < negative.shape[1] == 128
    ready = draw(pipeline, None, prompt_embeds=positive, negative_prompt_embeds=negative)
    written = draw(pipeline, PROMPTS[0], negative_prompt="ugly", length="flexible", fixed_negative=True)
    torch.testing.assert_close(ready, written, atol=2e-4, rtol=0)
    half = draw(pipeline, None, prompt_embeds=positive, negative_prompt="ugly", length="flexible", fixed_negative=True)
    torch.testing.assert_close(half, written, atol=2e-4, rtol=0)


def test_one_given_side_leaves_the_other_at_the_unets_own(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    assert draw(pipeline, PROMPTS[0], height=24, output_type="pt").shape == (1, 3, 24, 16)
    assert draw(pipeline, PROMPTS[0], width=24, output_type="pt").shape == (1, 3, 16, 24)


def test_a_variant_overrides_one_step(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    class Quiet(EllaStableDiffusionPipeline):
        def prepare_latents(self, *args: Any, **kwargs: Any) -> torch.Tensor:
            return torch.zeros_like(super().prepare_latents(*args, **kwargs))

        def encode_prompt(self, prompt: Any, *args: Any, **kwargs: Any) -> Any:
            return super().encode_prompt(["x"] * len(prompt), *args, **kwargs)

    quiet = Quiet(**pipeline.components)
    quiet.set_progress_bar_config(disable=True)
    assert torch.equal(draw(quiet, PROMPTS[0]), draw(pipeline, "x", latents=torch.zeros(1, 4, 8, 8)))


def test_what_is_cut_of_a_long_prompt_is_counted_and_said(
    pipeline: EllaStableDiffusionPipeline, draw: Draw, caplog: pytest.LogCaptureFixture
) -> None:
    long = "a" * 127
    assert pipeline.count_tokens(["a", long]) == [3, 129]  # the mark of a word's start, letters, the end token
    with caplog.at_level(logging.WARNING):
        draw(pipeline, [long[1:], long], length="flexible")
        draw(pipeline, long[1:])
        assert not caplog.messages
        draw(pipeline, [long, long])
    (message,) = caplog.messages
    assert message.startswith("A prompt of 129 tokens is cut to 128; the last 1 are not read.")


def test_a_scheduler_with_an_outdated_configuration_is_mended_however_the_pipeline_was_made(
    pipeline: EllaStableDiffusionPipeline, stable_diffusion: StableDiffusionPipeline
) -> None:
    outdated = DDIMScheduler(beta_schedule="scaled_linear", steps_offset=0, clip_sample=True)
    with pytest.warns(FutureWarning):
        made = EllaStableDiffusionPipeline(**{**pipeline.components, "scheduler": outdated})
    assert (made.scheduler.config.steps_offset, made.scheduler.config.clip_sample) == (1, False)


def test_another_kind_of_pipeline_or_unet_is_refused_by_name(
    pipeline: EllaStableDiffusionPipeline, new_unet: Callable[..., UNet2DConditionModel]
) -> None:
    blocks = {"down_block_types": ("DownBlock2D",), "up_block_types": ("UpBlock2D",), "block_out_channels": (8,)}
    other = DDPMPipeline(UNet2DModel(8, norm_num_groups=4, **blocks), DDIMScheduler())
    parts = {"connector": pipeline.connector, "text_encoder": pipeline.text_encoder, "tokenizer": pipeline.tokenizer}
    with pytest.raises(EllaError, match="ELLA has no form of DDPMPipeline; there are EllaStableDiffusionControlNet"):
        EllaPipeline.from_pipe(other, **parts)
    with pytest.raises(EllaError, match="DDPMPipeline is no pipeline of it"):
        EllaStableDiffusionPipeline.from_pipe(other, **parts)
    with pytest.raises(EllaError, match=r"takes 9 channels, .* goes with EllaStableDiffusionInpaintPipeline"):
        EllaStableDiffusionPipeline(**{**pipeline.components, "unet": new_unet(in_channels=9)})
    with pytest.raises(EllaError, match="needs its tokenizer: give tokenizer="):
        EllaStableDiffusionPipeline.from_pipe(
            pipeline, connector=pipeline.connector, text_encoder=pipeline.text_encoder
        )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"prompts": []}, "prompt is an empty list"),
        ({"prompts": ["a", 3]}, "prompt must be text or a list of texts; it holds 3"),
        ({"negative_prompt": ["a", "b"]}, "negative_prompt has 2 entries for 1 prompts"),
        ({"prompts": PROMPTS[:1], "negative_prompt": 3}, "negative_prompt must be text or a list of texts, not 3"),
        ({"prompts": None, "prompt_embeds": None}, "prompt was not given"),
        ({"prompt_embeds": torch.rand(1, 4, 16)}, "Cannot forward both `prompt`"),
        ({"prompts": None, "prompt_embeds": torch.rand(1, 4, 15)}, r"prompt_embeds is \[1, 4, 15\]; text features are"),
        ({"generator": tuple(seeds(1, 2))}, "generator is a list of 2 for 1 images"),
        ({"num_images_per_prompt": 0}, "num_images_per_prompt must be at least 1, not 0"),
        ({"num_inference_steps": 0}, "num_inference_steps must be at least 1, not 0"),
        ({"generator": seeds(1, 2)}, "generator is a list of 2 for 1 images"),
        ({"latents": torch.zeros(1, 4, 9, 8)}, r"latents are \[1, 4, 9, 8\]; these images need \[1, 4, 8, 8\]"),
        ({"height": 17}, "height must be a multiple of 2 pixels, not 17"),
        ({"width": 0}, "width must be a multiple of 2 pixels, not 0"),
        ({"length": "long"}, "length must be one of fixed, flexible, not 'long'"),
        ({"output_type": "png"}, "output_type must be one of pil, np, pt, latent, not 'png'"),
        ({"callback_on_step_end_tensor_inputs": ["noise"]}, "has to be in .*'latents'.* but found .*'noise'"),
    ],
)
def test_impossible_calls_are_refused_before_any_model_runs(
    pipeline: EllaStableDiffusionPipeline, draw: Draw, t5: T5TextEncoder, settings: dict[str, Any], message: str
) -> None:
    tally = Tally(t5.model, lambda *_: [1])
    with pytest.raises(EllaError, match=message):
        draw(pipeline, **({"prompts": PROMPTS[0]} | settings))
    assert tally.calls == 0


def test_half_precision_runs_throughout(pipeline: EllaStableDiffusionPipeline, draw: Draw) -> None:
    # Given the noise, as torch draws another for half precision (2.7 and 2.10 do, 2.13 doesn't).
    noise = torch.randn((1, 4, 8, 8), generator=torch.Generator().manual_seed(0))
    exact = draw(pipeline, PROMPTS[0], guidance_scale=1.0, latents=noise)
    half = draw(pipeline.to(dtype=torch.bfloat16), PROMPTS[0], guidance_scale=1.0, latents=noise.bfloat16())
    assert half.dtype == torch.bfloat16
    assert {p.dtype for p in pipeline.text_encoder.parameters()} == {torch.bfloat16}
    assert (half.float() - exact).std() < 0.3 * exact.std()
