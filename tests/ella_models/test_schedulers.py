"""Every scheduler that Stable Diffusion 1.5 takes, against plain Stable Diffusion fed the same conditions."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import diffusers
import pytest
import torch
from diffusers import StableDiffusionPipeline

from ella_models import EllaConnector, EllaStableDiffusionPipeline

PROMPT, NEGATIVE = "three sheep graze on a hillside, under a pale sky.", "ugly"

SCHEDULERS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "DDIM": ("DDIMScheduler", {}, {}),
    "DDIM, eta": ("DDIMScheduler", {}, {"eta": 0.7}),
    "DDIM, zero terminal SNR, v": (
        "DDIMScheduler",
        {"rescale_betas_zero_snr": True, "timestep_spacing": "trailing", "prediction_type": "v_prediction"},
        {"guidance_rescale": 0.7},
    ),
    "DDIM parallel": ("DDIMParallelScheduler", {}, {}),
    "DDPM": ("DDPMScheduler", {}, {}),
    "DDPM, given timesteps": ("DDPMScheduler", {}, {"timesteps": [901, 500, 77, 3]}),
    "PNDM": ("PNDMScheduler", {"skip_prk_steps": True}, {}),
    "PNDM with Runge-Kutta steps": ("PNDMScheduler", {}, {}),
    "LMS": ("LMSDiscreteScheduler", {}, {}),
    "LMS, Karras": ("LMSDiscreteScheduler", {"use_karras_sigmas": True}, {}),
    "Euler": ("EulerDiscreteScheduler", {}, {}),
    "Euler, Karras": ("EulerDiscreteScheduler", {"use_karras_sigmas": True}, {}),
    "Euler, given sigmas": ("EulerDiscreteScheduler", {}, {"sigmas": [11.0, 4.0, 0.9, 0.2]}),
    "Euler, trailing": ("EulerDiscreteScheduler", {"timestep_spacing": "trailing"}, {}),
    "Euler ancestral": ("EulerAncestralDiscreteScheduler", {}, {}),
    "Heun": ("HeunDiscreteScheduler", {}, {}),
    "Heun, Karras": ("HeunDiscreteScheduler", {"use_karras_sigmas": True}, {}),
    "KDPM2": ("KDPM2DiscreteScheduler", {}, {}),
    "KDPM2 ancestral": ("KDPM2AncestralDiscreteScheduler", {}, {}),
    "DPM++ 2M": ("DPMSolverMultistepScheduler", {}, {}),
    "DPM++ 2M, Karras": ("DPMSolverMultistepScheduler", {"use_karras_sigmas": True}, {}),
    "DPM++ 2M SDE": ("DPMSolverMultistepScheduler", {"algorithm_type": "sde-dpmsolver++"}, {}),
    "DPM++ 2M, Lu's lambdas": ("DPMSolverMultistepScheduler", {"use_lu_lambdas": True}, {}),
    "DPM++ 2S": ("DPMSolverSinglestepScheduler", {}, {}),
    "DPM++ 2S, Karras": ("DPMSolverSinglestepScheduler", {"use_karras_sigmas": True}, {}),
    "DEIS": ("DEISMultistepScheduler", {}, {}),
    "UniPC": ("UniPCMultistepScheduler", {}, {}),
    "UniPC, Karras": ("UniPCMultistepScheduler", {"use_karras_sigmas": True}, {}),
    "SA-Solver": ("SASolverScheduler", {}, {}),
    "LCM": ("LCMScheduler", {}, {}),
    "TCD, eta": ("TCDScheduler", {}, {"eta": 0.3}),
}


# diffusers' schedulers hand torch tensors to functions of NumPy
@pytest.mark.filterwarnings("ignore:__array_wrap__ must accept:DeprecationWarning")
@pytest.mark.parametrize("name", SCHEDULERS)
def test_a_scheduler_draws_what_plain_stable_diffusion_draws_with_the_same_conditions(  # noqa: PLR0917 - fixtures
    name: str,
    pipeline: EllaStableDiffusionPipeline,
    stable_diffusion: StableDiffusionPipeline,
    connector: EllaConnector,
    authors_way: Callable[..., AbstractContextManager[None]],
    features: Callable[[list[str]], torch.Tensor],
) -> None:
    kind, config, given = SCHEDULERS[name]
    scheduler = getattr(diffusers, kind).from_config(stable_diffusion.scheduler.config, **config)
    asked = {"num_inference_steps": 5, "guidance_scale": 5.0, "output_type": "latent", **given}
    pipeline.scheduler = stable_diffusion.scheduler = scheduler
    stable_diffusion.set_progress_bar_config(disable=True)
    # in double precision, since guidance multiplies what other batches of the connector round
    for model in (connector, stable_diffusion.unet, stable_diffusion.text_encoder):
        model.double()
    with authors_way(connector, stable_diffusion.unet):
        expected = stable_diffusion(
            prompt_embeds=features([PROMPT]),
            negative_prompt_embeds=features([NEGATIVE]),
            generator=torch.Generator().manual_seed(1),
            **asked,
        ).images
    latents = pipeline(PROMPT, negative_prompt=NEGATIVE, generator=torch.Generator().manual_seed(1), **asked).images
    assert torch.isfinite(latents).all()
    torch.testing.assert_close(latents, expected, atol=1e-6, rtol=0)
