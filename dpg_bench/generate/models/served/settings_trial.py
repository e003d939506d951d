"""A server tried before the first prompt: which settings it takes, and whether it heeds them.

Many servers pass over fields that they don't know. So a seed is sent twice, then another one; steps, guidance and
negative prompt, where they are set, are sent with another value too. What changes no pixel is refused, as is a field
that the server refuses itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from dpg_bench.errors import BadInputError, option
from dpg_bench.generate.models.served.options import GUIDANCE, NEGATIVE, SEED, SIZE, STEPS, ServedOptions
from dpg_bench.remote.errors import RequestError

if TYPE_CHECKING:
    from PIL import Image

TRIAL_PROMPT = "A red ball on a green lawn."
_SEEDS = (0x2545F4914F6CDD1D, 0x2545F4914F6CDD1E)  # of 62 bits, and different in the last ones alone
_NOISE = 4.0  # by how much more than the same request asked again another one must change the image
_REFUSALS = (400, 422)
_WORDS = {
    STEPS: option("steps"),
    GUIDANCE: option("guidance"),
    NEGATIVE: option("negative_prompt"),
    SIZE: option("size"),
}


def try_settings(
    draw: Callable[[Mapping[str, Any]], Image.Image], body: Mapping[str, Any], options: ServedOptions, *, url: str
) -> dict[str, str]:
    """By field of the request, `heeded`, `not sent`, or `sent` where that can't be told; `draw` asks for one image.

    Raises BadInputError for a setting that the server refuses or passes over, and what `draw` raises for anything else.
    """
    asked = [name for name in (STEPS, GUIDANCE, NEGATIVE) if name in body]
    one, other = (options.seed_field(seed) for seed in _SEEDS)
    if one and one == other:
        one, other = {SEED: 1}, {SEED: 0}
    first = _pixels(_drawn(draw, {**body, **one}, options, url))
    if not one:
        return {SEED: "not sent", **dict.fromkeys(asked, "sent")}
    again = _distance(first, draw({**body, **one}))
    elsewhere = _distance(first, draw({**body, **other}))
    if not elsewhere > _NOISE * again:
        raise BadInputError(
            f"{url} takes a seed and passes it over: two images from one seed differ by {again:.2f} of 255 a pixel, "
            f"those from two seeds by {elsewhere:.2f}. Images that can't be drawn again are drawn with the option "
            "seeds=false."
        )
    for name in asked:
        changed = _distance(first, draw({**body, **one, name: _another(name, body[name])}))
        if not changed > _NOISE * again:
            raise BadInputError(
                f"{url} passes {_WORDS[name]} over: {body[name]!r} and {_another(name, body[name])!r} give the same "
                "image. Leave it out."
            )
    return {SEED: "heeded", **dict.fromkeys(asked, "heeded")}


def _drawn(
    draw: Callable[[Mapping[str, Any]], Image.Image], body: Mapping[str, Any], options: ServedOptions, url: str
) -> Image.Image:
    try:
        return draw(body)
    except RequestError as error:
        if error.status not in _REFUSALS:
            raise
        named = next(
            (name for name in (SEED, *_WORDS, *options.fields, "n") if name in body and name in str(error)), None
        )
        if named is None:
            raise
        if named == SEED:
            remedy = (
                "Images that can't be drawn again are drawn with the option seeds=false; seed_bits=32 sends less of it"
            )
        else:
            remedy = f"Leave {_WORDS.get(named, f'the option {named}')} out"
        raise BadInputError(f"{url} takes no {named}: {error} {remedy}.") from None


def _another(name: str, value: Any) -> Any:
    if name == STEPS:
        return max(1, value // 2) if value > 1 else 2
    return value + 4.0 if name == GUIDANCE else f"{value}, red, round"


def _pixels(image: Image.Image) -> np.typing.NDArray[np.float64]:
    return np.asarray(image, dtype=np.float64)


def _distance(first: np.typing.NDArray[np.float64], image: Image.Image) -> float:
    """The mean absolute difference of two images, 0 to 255; of images of two sizes as large as can be."""
    other = _pixels(image)
    return 255.0 if other.shape != first.shape else float(np.abs(other - first).mean())
