"""Answers of `/images/generations` for `OpenAIServer`: noise that follows from the request, or misbehaviour."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Collection
from typing import Any

import numpy as np
from PIL import Image

from tests.openai_server import Asked, Reply, fail, send

HEEDED = ("prompt", "seed", "num_inference_steps", "guidance_scale", "negative_prompt")


def picture(body: dict[str, Any], *, heeded: Collection[str] = HEEDED, number: int = 0, side: int = 16) -> Image.Image:
    """Noise from the fields that are heeded and the number of the image in its answer."""
    said = json.dumps([{name: body.get(name) for name in heeded}, number], sort_keys=True)
    rng = np.random.default_rng(list(said.encode()))
    return Image.fromarray(rng.integers(1, 256, (side, side, 3), dtype=np.uint8))


def encoded(image: Image.Image) -> str:
    content = io.BytesIO()
    image.save(content, format="PNG")
    return base64.b64encode(content.getvalue()).decode()


def images(*pictures: Image.Image, revised: str | None = None) -> Reply:
    """An answer that holds these."""
    entries: list[dict[str, Any]] = [{"b64_json": encoded(one)} for one in pictures]
    if revised is not None:
        entries[0]["revised_prompt"] = revised
    return send({"created": 0, "data": entries})


def draws(
    *, heeded: Collection[str] = HEEDED, refused: Collection[str] = (), side: int = 16
) -> Callable[[Asked], Reply]:
    """A server that refuses some fields, heeds others, and passes over the rest."""

    def answer(asked: Asked) -> Reply:
        body = asked.body
        if named := next((name for name in refused if name in body), None):
            return fail(400, f"Unknown parameter: '{named}'.", code="unknown_parameter")
        size = int(str(body.get("size", side)).partition("x")[0])
        return images(*(picture(body, heeded=heeded, number=k, side=size) for k in range(body.get("n", 1))))

    return answer
