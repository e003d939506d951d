from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from diffusers import (
    HeunDiscreteScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)

from ella_models import (
    ConnectorConfig,
    EllaAdapter,
    EllaConnector,
    EllaError,
    EllaPipeline,
    EllaStableDiffusionPipeline,
    T5TextEncoder,
)

Draw = Callable[..., torch.Tensor]
Features = Callable[[list[str]], torch.Tensor]


@pytest.fixture
def connector_calls(connector: EllaConnector) -> list[list[float]]:
    """The timesteps of each of the connector's passes, one for each row."""
    calls: list[list[float]] = []
    connector.register_forward_pre_hook(lambda _, inputs: calls.append(inputs[1].reshape(-1).tolist()))
    return calls


def direct(connector: EllaConnector, text: torch.Tensor, *timesteps: float) -> torch.Tensor:
    return torch.cat([connector(row[None], torch.tensor([t])) for row, t in zip(text, timesteps, strict=True)])


@torch.no_grad()
def test_a_timestep_may_be_a_number_fractional_or_one_for_each_row(
    connector: EllaConnector, features: Features
) -> None:
    text = features(["a fox", "a fox", "two hens"])
    adapter = EllaAdapter(connector)
    for timestep in (7, 412.625, torch.tensor(7), torch.tensor([412.625]), torch.tensor([7.0, 7.0, 7.0])):
        time = float(torch.as_tensor(timestep).reshape(-1)[0])
        expected = direct(connector, text, time, time, time)
        torch.testing.assert_close(adapter.condition(text, timestep), expected, atol=1e-5, rtol=0)
    each = adapter.condition(text, torch.tensor([7.0, 8.5, 9.0]))
    torch.testing.assert_close(each, direct(connector, text, 7.0, 8.5, 9.0), atol=1e-5, rtol=0)


@torch.no_grad()
def test_the_schedule_is_run_once_ahead_of_the_steps_and_again_for_another(
    connector: EllaConnector, features: Features, connector_calls: list[list[float]]
) -> None:
    text = features(["a fox", "a fox", "two hens"])
    scheduler = HeunDiscreteScheduler()
    adapter = EllaAdapter(connector, scheduler=scheduler)
    for steps in (5, 3):
        scheduler.set_timesteps(steps)
        conditions = [adapter.condition(text, timestep) for timestep in scheduler.timesteps]
        asked = [time for call in connector_calls for time in call]
        connector_calls.clear()
        distinct = list(dict.fromkeys(scheduler.timesteps.tolist()))
        assert asked == [time for time in distinct for _ in range(2)]  # two distinct texts
        for timestep, condition in zip(scheduler.timesteps, conditions, strict=True):
            expected = direct(connector, text, *[timestep.item()] * 3)
            torch.testing.assert_close(condition, expected, atol=1e-5, rtol=0)
        connector_calls.clear()


def test_steps_that_img2img_skips_are_not_computed(
    stable_diffusion: StableDiffusionPipeline,
    connector: EllaConnector,
    t5: T5TextEncoder,
    connector_calls: list[list[float]],
) -> None:
    plain = StableDiffusionImg2ImgPipeline(**stable_diffusion.components, requires_safety_checker=False)
    pipe = EllaPipeline.from_pipe(plain, ella=connector, text_encoder=t5)
    pipe.set_progress_bar_config(disable=True)
    pipe("a fox", image=torch.rand(1, 3, 16, 16), strength=0.4, num_inference_steps=10)
    assert pipe.num_timesteps == 4
    assert [time for call in connector_calls for time in call] == [
        time for time in pipe.scheduler.timesteps[-4:].tolist() for _ in range(2)
    ]


@torch.no_grad()
def test_a_connector_that_ignores_the_timestep_runs_once_a_text(features: Features) -> None:
    torch.manual_seed(0)
    sizes = ConnectorConfig(
        time_channel=8, time_embed_dim=24, width=32, layers=1, heads=4, num_latents=6, input_dim=16, kind="resampler"
    )
    connector = EllaConnector.from_sizes(sizes).eval()
    rows: list[int] = []
    connector.register_forward_pre_hook(lambda _, inputs: rows.append(len(inputs[0])))
    scheduler = HeunDiscreteScheduler()
    scheduler.set_timesteps(4)
    adapter = EllaAdapter(connector, scheduler=scheduler)
    text = features(["a fox", "a fox", "two hens"])
    conditions = [adapter.condition(text, timestep) for timestep in scheduler.timesteps]
    assert rows == [2]
    assert all(torch.equal(condition, conditions[0]) for condition in conditions)
    torch.testing.assert_close(conditions[0], connector(text, torch.tensor(0)), atol=1e-5, rtol=0)


def test_a_timestep_outside_the_schedule_is_computed_all_the_same(connector: EllaConnector, features: Features) -> None:
    scheduler = HeunDiscreteScheduler()
    scheduler.set_timesteps(3)
    text = features(["a fox"])
    with torch.no_grad():
        condition = EllaAdapter(connector, scheduler=scheduler).condition(text, torch.tensor(1.25))
        torch.testing.assert_close(condition, direct(connector, text, 1.25), atol=1e-5, rtol=0)


@torch.no_grad()
def test_texts_that_change_midway_count_from_then_on(connector: EllaConnector, features: Features) -> None:
    scheduler = HeunDiscreteScheduler()
    scheduler.set_timesteps(4)
    adapter = EllaAdapter(connector, scheduler=scheduler)
    text = features(["a fox", "two hens"])
    first, second, third = scheduler.timesteps[:3]
    adapter.condition(text, first)
    text *= 0.5  # in place: the tensor is the same
    changed = adapter.condition(text, second)
    torch.testing.assert_close(changed, direct(connector, text, *[second.item()] * 2), atol=1e-5, rtol=0)
    other = features(["", "a hen that is longer than both"])[:, :40]
    replaced = adapter.condition(other, third)
    torch.testing.assert_close(replaced, direct(connector, other, *[third.item()] * 2), atol=1e-5, rtol=0)


@torch.no_grad()
def test_zeros_at_the_end_are_no_positions_but_a_row_of_zeros_is_read_whole(
    connector: EllaConnector, features: Features
) -> None:
    text = features(["a fox", "two hens"])
    padded = torch.nn.functional.pad(text[:, :20], (0, 0, 0, 9))
    padded[1, 5:] = 0
    adapter = EllaAdapter(connector)
    condition = adapter.condition(padded, 500)
    for row, length in enumerate((20, 5)):
        expected = connector(text[row : row + 1, :length], torch.tensor(500))
        torch.testing.assert_close(condition[row : row + 1], expected, atol=1e-5, rtol=0)
    nothing = torch.zeros(1, 12, 16)
    torch.testing.assert_close(adapter.condition(nothing, 500), connector(nothing, torch.tensor(500)))


def test_in_training_gradients_reach_the_connector_and_nothing_is_kept(
    stable_diffusion: StableDiffusionPipeline, connector: EllaConnector, features: Features
) -> None:
    connector.requires_grad_(True)
    scheduler = stable_diffusion.scheduler
    scheduler.set_timesteps(2)
    text, timestep = features(["a fox", "two hens"]), scheduler.timesteps[0]
    latents = torch.randn(2, 4, 8, 8)
    with EllaAdapter(connector, stable_diffusion.unet, scheduler=scheduler):
        loss = stable_diffusion.unet(latents, timestep, encoder_hidden_states=text).sample.square().mean()
        loss.backward()
        assert all(parameter.grad is not None for parameter in connector.parameters())
        with torch.no_grad():
            for parameter in connector.parameters():
                parameter.data -= 0.1 * parameter.grad
        after = stable_diffusion.unet(latents, timestep, encoder_hidden_states=text).sample.square().mean()
    assert after < loss


def test_the_adapter_is_gone_after_an_error(
    pipeline: EllaStableDiffusionPipeline, stable_diffusion: StableDiffusionPipeline, draw: Draw
) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        draw(pipeline, "a fox", callback_on_step_end=fail)
    assert not stable_diffusion.unet._forward_pre_hooks
    stable_diffusion("a b", num_inference_steps=1, output_type="latent")


def test_more_samples_than_texts_are_one_clear_error(
    stable_diffusion: StableDiffusionPipeline, connector: EllaConnector, features: Features
) -> None:
    unet = stable_diffusion.unet
    with (
        EllaAdapter(connector, unet),
        pytest.raises(EllaError, match="called with 3 samples, but text features of 2"),
    ):
        unet(torch.randn(3, 4, 8, 8), 1, encoder_hidden_states=features(["a", "b"]))


@pytest.mark.parametrize("in_place", [False, True])
def test_a_compiled_unet_is_one_graph_and_draws_the_same(
    pipeline: EllaStableDiffusionPipeline,
    draw: Draw,
    new_unet: Callable[..., UNet2DConditionModel],
    in_place: bool,
) -> None:
    graphs = 0

    def count(graph: torch.fx.GraphModule, _: Any) -> Any:
        nonlocal graphs
        graphs += 1
        return graph

    pipeline.unet = new_unet(  # of one level, since tracing takes its time
        block_out_channels=(8,), down_block_types=("CrossAttnDownBlock2D",), up_block_types=("CrossAttnUpBlock2D",)
    )
    before = draw(pipeline, "a fox")
    torch._dynamo.reset()
    if in_place:
        pipeline.unet.compile(backend=count, fullgraph=True, dynamic=False)
    else:
        pipeline.unet = torch.compile(pipeline.unet, backend=count, fullgraph=True, dynamic=False)
    for _ in range(2):
        torch.testing.assert_close(draw(pipeline, "a fox"), before, atol=1e-5, rtol=0)
    assert graphs == 1
