"""The loss against diffusers' own noising, and what decides its draws."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import torch
from accelerate import Accelerator
from diffusers import DDPMScheduler
from diffusers.training_utils import compute_snr
from torch import Tensor, nn

from ella_models.training.config import LossSection, OptimizerSection
from ella_models.training.examples import Examples
from ella_models.training.loop import learning_rate
from ella_models.training.objective import Draws, Objective, draw
from ella_models.training.validation import Validation

CPU = torch.device("cpu")
SCALE = 0.25


def schedule(prediction_type: str) -> DDPMScheduler:
    settings = {"beta_start": 0.00085, "beta_end": 0.012, "beta_schedule": "scaled_linear"}
    return DDPMScheduler(**settings, prediction_type=prediction_type)


@pytest.fixture
def examples() -> Examples:
    torch.manual_seed(0)
    mean, deviation = torch.randn(3, 4, 2, 2), torch.rand(3, 4, 2, 2)
    return Examples(torch.cat([mean, deviation], dim=1), torch.randn(3, 5, 6))


@pytest.fixture
def draws() -> Draws:
    return draw(0, 0, shape=(3, 4, 2, 2), timesteps=1000, caption_dropout=0, device=CPU)


def losses(examples: Examples, draws: Draws, prediction_type: str = "epsilon", **loss: Any) -> tuple[Tensor, Tensor]:
    """The losses before a U-Net that predicts nothing, and the noisy latents that it was shown."""
    shown: list[Tensor] = []

    def unet(noisy: Tensor, *_: object, **__: object) -> tuple[Tensor]:
        shown.append(noisy)
        return (torch.zeros_like(noisy),)

    objective = Objective(
        unet,
        schedule(prediction_type),
        scaling_factor=SCALE,
        empty_text=torch.zeros(5, 6),
        loss=LossSection(**loss),
    )
    return objective.losses(Passing(), examples, draws), shown[0]


class Passing(nn.Module):
    def forward(self, text: Tensor, _: Tensor) -> Tensor:
        return text


def latents(examples: Examples, draws: Draws) -> Tensor:
    mean, deviation = examples.moments.chunk(2, dim=1)
    return SCALE * (mean + deviation * draws.posterior)


def test_latents_are_noised_as_diffusers_noises_them(examples: Examples, draws: Draws) -> None:
    _, noisy = losses(examples, draws)
    expected = schedule("epsilon").add_noise(latents(examples, draws), draws.noise, draws.timesteps)
    torch.testing.assert_close(noisy, expected)


def test_the_target_is_the_noise_or_v(examples: Examples, draws: Draws) -> None:
    velocity = schedule("v_prediction").get_velocity(latents(examples, draws), draws.noise, draws.timesteps)
    for prediction_type, target in (("epsilon", draws.noise), ("v_prediction", velocity)):
        found, _ = losses(examples, draws, prediction_type)
        torch.testing.assert_close(found, target.square().mean(dim=(1, 2, 3)))


def test_min_snr_weights_are_those_of_its_paper(examples: Examples, draws: Draws) -> None:
    draws = replace(draws, timesteps=torch.tensor([1, 400, 950]))
    for prediction_type, shift in (("epsilon", 0), ("v_prediction", 1)):
        plain, _ = losses(examples, draws, prediction_type)
        weighted, _ = losses(examples, draws, prediction_type, min_snr_gamma=5.0)
        snr = compute_snr(schedule(prediction_type), draws.timesteps)
        torch.testing.assert_close(weighted / plain, snr.clamp(max=5) / (snr + shift))


def test_dropped_captions_become_the_empty_one(examples: Examples, draws: Draws) -> None:
    read: list[Tensor] = []

    class Reading(nn.Module):
        def forward(self, text: Tensor, _: Tensor) -> Tensor:
            read.append(text)
            return text

    empty = torch.full((5, 6), 7.0)
    objective = Objective(
        lambda noisy, *_, **__: (noisy,),
        schedule("epsilon"),
        scaling_factor=SCALE,
        empty_text=empty,
        loss=LossSection(),
    )
    objective.losses(Reading(), examples, replace(draws, dropped=torch.tensor([False, True, False])))
    assert torch.equal(read[0], torch.stack([examples.text[0], empty, examples.text[2]]))


def test_draws_depend_on_seed_and_step_alone() -> None:
    settings: dict[str, Any] = {"shape": (500, 1, 2, 2), "timesteps": 1000, "caption_dropout": 0.25, "device": CPU}
    torch.manual_seed(1)
    one = draw(3, 7, **settings)
    torch.manual_seed(2)
    again = draw(3, 7, **settings)
    for name in ("posterior", "noise", "timesteps", "dropped"):
        assert torch.equal(getattr(one, name), getattr(again, name)), name
    for other in (draw(3, 8, **settings), draw(4, 7, **settings)):
        assert not torch.equal(one.noise, other.noise)
    assert not torch.equal(one.noise, one.posterior)
    assert 0.2 < one.dropped.float().mean() < 0.3
    assert 0 <= one.timesteps.min() < 20
    assert 980 < one.timesteps.max() < 1000
    assert abs(one.timesteps.float().mean() - 500) < 50


def test_the_rate_warms_up_linearly_and_stays() -> None:
    section = OptimizerSection(learning_rate=1.0, warmup_steps=3)
    assert [learning_rate(section, step) for step in range(5)] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert learning_rate(OptimizerSection(learning_rate=2.0), 0) == 2.0


@pytest.mark.parametrize("count", [1, 4, 1000, 1001])
def test_every_timestep_that_is_validated_is_one_of_the_schedules(examples: Examples, count: int) -> None:
    seen: list[Tensor] = []

    def unet(noisy: Tensor, timesteps: Tensor, **_: object) -> tuple[Tensor]:
        seen.append(timesteps)
        return (torch.zeros_like(noisy),)

    empty = torch.zeros(5, 6)
    objective = Objective(unet, schedule("epsilon"), scaling_factor=SCALE, empty_text=empty, loss=LossSection())
    validation = Validation([examples], timesteps=count, seed=0, batch_size=3)
    assert validation.loss(Passing(), objective, Accelerator(cpu=True)) > 0
    assert len(seen) == count
    assert all(0 <= int(timesteps.min()) <= int(timesteps.max()) < 1000 for timesteps in seen)
