"""A call of an ELLA pipeline: its signature, its checks, and what diffusers' own call doesn't do."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from typing import Any

import torch
from diffusers.callbacks import MultiPipelineCallbacks, PipelineCallback

from ella_models.errors import EllaError
from ella_models.request import TextSettings

GUIDANCE = 12.0
"""What ELLA's authors use (`inference.py` at 3c228f1)."""
OUTPUT_TYPES = ("pil", "np", "pt", "latent")
TEXT_SETTINGS = tuple(inspect.signature(TextSettings).parameters)

StepCallback = Callable[[Any, int, Any, dict[str, Any]], dict[str, Any] | None]


def ella_signature(plain_call: Callable[..., Any]) -> inspect.Signature:
    """The signature of a diffusers pipeline's call with ELLA's arguments added, guidance 12, and nothing unknown."""
    plain = inspect.signature(plain_call)
    known = [
        value.replace(default=GUIDANCE) if name == "guidance_scale" else value
        for name, value in plain.parameters.items()
        if value.kind is not inspect.Parameter.VAR_KEYWORD
    ]
    own = [
        value.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for value in inspect.signature(TextSettings).parameters.values()
    ]
    return plain.replace(parameters=[*known, *own])


def check_call(asked: dict[str, Any], *, images: int, scale: int) -> None:
    """Bring a call's arguments into the form that diffusers takes; `scale` is the pixels of a latent's side.

    Raises EllaError for what is out of range, or whose numbers don't match the number of images.
    """
    if asked["num_images_per_prompt"] < 1:
        raise EllaError(f"num_images_per_prompt must be at least 1, not {asked['num_images_per_prompt']}.")
    _check_steps(asked)
    if asked["output_type"] not in OUTPUT_TYPES:
        raise EllaError(f"output_type must be one of {', '.join(OUTPUT_TYPES)}, not {asked['output_type']!r}.")
    for name in ("height", "width"):
        side = asked.get(name)
        if side is not None and (side < 1 or side % scale):
            raise EllaError(f"{name} must be a multiple of {scale} pixels, not {side}.")
    if isinstance(asked["generator"], Sequence):
        asked["generator"] = list(asked["generator"])
        if len(asked["generator"]) != images:
            raise EllaError(
                f"generator is a list of {len(asked['generator'])} for {images} images; give one generator for all, "
                "or a list with one per image."
            )


def _check_steps(asked: dict[str, Any]) -> None:
    given = next((asked[name] for name in ("timesteps", "sigmas") if asked.get(name) is not None), None)
    steps = asked["num_inference_steps"] if given is None else len(given)
    if steps < 1:
        raise EllaError(f"num_inference_steps must be at least 1, not {steps}.")
    strength = asked.get("strength", 1.0)
    if not 0 <= strength <= 1:
        raise EllaError(f"strength must be from 0 to 1, not {strength}.")
    if int(steps * strength) < 1:
        raise EllaError(f"strength {strength} of {steps} steps leaves none to draw; raise one of them.")


def lenient_callback(asked: dict[str, Any], *, images: int) -> None:
    """Let a step callback return `None`, and diffusers' `SDCFGCutoffCallback` end the guidance of several images.

    It keeps the last row of the text features, which is one image's. The adapter takes the positive rows by itself,
    so the features are left as they were.
    """
    callback: StepCallback | PipelineCallback | MultiPipelineCallbacks | None = asked["callback_on_step_end"]
    if callback is None:
        return
    if isinstance(callback, (PipelineCallback, MultiPipelineCallbacks)):
        asked["callback_on_step_end_tensor_inputs"] = callback.tensor_inputs
    asked["callback_on_step_end_tensor_inputs"] = list(asked["callback_on_step_end_tensor_inputs"])

    def called(pipe: Any, step: int, timestep: Any, tensors: dict[str, Any]) -> dict[str, Any]:
        before = tensors.get("prompt_embeds")
        changed = callback(pipe, step, timestep, tensors) or {}
        after = changed.get("prompt_embeds")
        if before is None or after is None:
            return changed
        if len(after) < images and torch.equal(after, before[-len(after) :]):
            del changed["prompt_embeds"]
        return changed

    asked["callback_on_step_end"] = called
