"""What can be said of a served model, and the body of a request for an image."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import ConfigDict, Field

from dpg_bench.generate.base import GeneratorSettings
from dpg_bench.plugins import Options
from dpg_bench.remote.address import KEY_HELP

SEED, STEPS, GUIDANCE, NEGATIVE, SIZE = "seed", "num_inference_steps", "guidance_scale", "negative_prompt", "size"
"""The fields of a request, as vLLM-Omni and SGLang call them; OpenAI has `size` alone."""
_NO_PIXELS = ("key_from", "concurrency", "timeout")


class ServedOptions(Options):
    """The options of `openai:` models; any other key is a field of the request, such as `quality=high`."""

    model_config = ConfigDict(extra="allow")
    refused: ClassVar[Mapping[str, str]] = {
        "model": "it stands in the model's name",
        "prompt": "the suite has the prompts",
        "response_format": "base64 is asked for, and addresses are followed",
        "stream": "whole images are asked for",
        SEED: "the settings seed and seeds decide it",
        SIZE: "the setting size decides it",
        STEPS: "the setting steps decides it",
        GUIDANCE: "the setting guidance decides it",
    }

    key_from: str | None = Field(default=None, description=KEY_HELP)
    concurrency: int = Field(default=8, ge=1, le=256, description="requests at once")
    timeout: float = Field(
        default=300.0, gt=0, description="seconds that an image may take before it is asked for again"
    )
    n: int = Field(
        default=1, ge=1, le=16, description="images of a request; with more than one, the seed is that of the first"
    )
    seeds: bool = Field(default=True, description="false sends no seed, so that no image can be drawn again")
    seed_bits: int = Field(default=63, ge=1, le=63, description="fewer for servers that take no large seeds")

    def recorded(self) -> dict[str, Any]:
        """What was given and decides pixels."""
        return {name: value for name, value in super().recorded().items() if name not in _NO_PIXELS}

    @property
    def fields(self) -> dict[str, Any]:
        """The request's further fields; what reads as JSON is that."""
        return {name: _value(value) for name, value in (self.model_extra or {}).items()}

    def seed_field(self, seed: int) -> dict[str, int]:
        """The field with the seed, as large as the server takes it; none where no seed is sent."""
        return {SEED: seed % (1 << self.seed_bits)} if self.seeds else {}


def request_body(model: str, settings: GeneratorSettings[ServedOptions]) -> dict[str, Any]:
    """What every request says, prompt, number and seed aside: of what wasn't set, nothing."""
    size = settings.size
    fields = {
        SIZE: None if size is None else f"{size}x{size}",
        STEPS: settings.steps,
        GUIDANCE: settings.guidance,
        NEGATIVE: settings.negative_prompt,
    }
    return {
        "model": model,
        **{name: value for name, value in fields.items() if value is not None},
        **settings.options.fields,
    }


def _value(text: object) -> object:
    if not isinstance(text, str):
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
