"""What a pipeline of diffusers can be asked: its class, the arguments of its call, and what each of them may be."""

from __future__ import annotations

import dataclasses
import inspect
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from pydantic import ValidationError

from dpg_bench.errors import BadInputError, unknown_name
from dpg_bench.generate.base import GeneratorSettings
from dpg_bench.hub.huggingface import read_model_index
from dpg_bench.hub.remarks import quiet_libraries
from dpg_bench.plugins import expected, from_text

IMAGE_OUTPUTS = ("images", "image", "frames")
"""The names under which outputs of diffusers hold images; `frames` are a video's, of which one is drawn."""
GUIDING = (
    "guidance_scale",
    "true_cfg_scale",
    "distilled_guidance_scale",
    "prior_guidance_scale",
    "decoder_guidance_scale",
)
"""Arguments that say how strongly the prompt guides, the usual one first."""

_OURS = re.compile(
    r"self|prompt|prompt_\d|generator|output_type|return_dict|num_(images|videos|waveforms)_per_prompt|"
    r"callback\w*|latents|.*_embeds\w*|.*_mask\w*|image|video|num_frames"
)
_PLAIN = (str, int, float, bool)
_ASKS_FOR_MORE = (
    "mask_image",
    "control_image",
    "controlnet_conditioning_scale",
    "video",
    "audio_length_in_s",
    "audio_end_in_s",
)


def pipeline_class(folder: Path) -> Any:
    """The class that a diffusers folder names. Raises BadInputError unless it makes images from text alone."""
    name = read_model_index(folder)["_class_name"]
    with quiet_libraries():
        import diffusers

        found = getattr(diffusers, name, None) or _ella_class(name)
    if not (isinstance(found, type) and issubclass(found, diffusers.DiffusionPipeline)):
        raise BadInputError(
            f"{folder} holds a {name}, which diffusers {diffusers.__version__} does not have. Pipelines that bring "
            "their own code are not run; if it is one of diffusers', install a newer version."
        )
    check_text_to_image(found, str(folder))
    return found


def _ella_class(name: str) -> Any:
    import ella_models

    return getattr(ella_models, name) if name in ella_models.__all__ else None


def is_ella(found: Any) -> bool:
    """Whether the class is one of `ella_models`', which load their parts themselves."""
    return str(found.__module__).startswith("ella_models.")


def check_text_to_image(found: Any, where: str) -> None:
    """Raises BadInputError, saying what it wants or gives instead, unless the class makes images from text alone."""
    accepted = inspect.signature(found.__call__).parameters
    more = [extra for extra in _ASKS_FOR_MORE if extra in accepted]
    more += [
        name
        for name, parameter in accepted.items()
        if parameter.default is parameter.empty and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
        if name not in ("self", "prompt")
    ]
    if "image" in accepted and not _is_optional_image(found):
        more.append("image")
    gives = _outputs(found)
    if "prompt" not in accepted or "generator" not in accepted or more or not (gives & set(IMAGE_OUTPUTS)):
        asked = f" (it asks for {', '.join(dict.fromkeys(more))})" if more else ""
        given = f" (it gives {', '.join(sorted(gives))})" if gives and not gives & set(IMAGE_OUTPUTS) else ""
        raise BadInputError(
            f"{where} holds a {found.__name__}, which does not make images from text alone{asked}{given}."
        )


def settings_arguments(found: Any, settings: GeneratorSettings[Any], more: Mapping[str, Any]) -> dict[str, Any]:
    """Size, steps, negative prompt and `more` (`-M key=value`) as the pipeline's call takes them; no guidance yet.

    Raises BadInputError for one that it doesn't take, of another type, or said twice.
    """
    accepted = inspect.signature(found.__call__).parameters
    hints = _hints(found)
    arguments: dict[str, Any] = {}
    for key, text in more.items():
        if key not in accepted or _OURS.fullmatch(key):
            raise unknown_name(
                f"argument of {found.__name__}",
                key,
                [name for name, one in accepted.items() if one.kind != one.VAR_KEYWORD and not _OURS.fullmatch(name)],
                hint=f"'{key}' is dpg-bench's own to set." if key in accepted else "",
            )
        arguments[key] = _value(found, key, hints.get(key, Any), text, accepted[key].default)
    for argument, name, value in (
        ("num_inference_steps", "steps", settings.steps),
        ("height", "size", settings.size),
        ("width", "size", settings.size),
        ("negative_prompt", "negative prompt", settings.negative_prompt),
    ):
        if value is None:
            continue
        if argument not in accepted:
            raise BadInputError(f"{name} is {value}, but {found.__name__} has no {argument} to set.")
        if argument in arguments:
            raise BadInputError(
                f"{name} is {value}, and {argument} is {arguments[argument]} (-M): say only one of them."
            )
        arguments[argument] = value
    if settings.guidance is not None and not guiding_arguments(found):
        raise BadInputError(
            f"guidance is {settings.guidance}, but {found.__name__} has no guidance_scale or other argument to set."
        )
    if "intermediate_timesteps" in accepted and arguments.get("num_inference_steps", 2) != 2:
        arguments.setdefault("intermediate_timesteps", None)  # SanaSprint has one for its default of two steps alone
    return arguments


def guiding_arguments(found: Any) -> list[str]:
    """The arguments of the call that may guide; those whose default is a number if there are any."""
    accepted = inspect.signature(found.__call__).parameters
    there = [name for name in GUIDING if name in accepted]
    return [name for name in there if accepted[name].default is not None] or there


def draws_one_frame(found: Any) -> bool:
    """Whether the class makes videos, so that it's asked for a single frame."""
    return "num_frames" in inspect.signature(found.__call__).parameters


def _value(found: Any, key: str, hint: Any, text: Any, default: Any) -> Any:
    if not isinstance(text, str):
        return text
    if text.lower() == "none":
        return None
    kind = _plain_part(hint) or (type(default) if isinstance(default, _PLAIN) else None)
    if kind is None:
        raise BadInputError(f"'{key}' of {found.__name__} can't be said in text.")
    try:
        return from_text(kind, text)
    except ValidationError:
        raise BadInputError(f"'{key}' of {found.__name__} is '{text}'; it must be {expected(kind)}.") from None


def _plain_part(hint: Any) -> Any:
    """What of a type hint can be written as text: numbers, text and lists of them; None if nothing can."""
    if hint in _PLAIN:
        return hint
    if get_origin(hint) in (Union, UnionType):
        parts = [part for part in (_plain_part(part) for part in get_args(hint)) if part not in (None, NoneType)]
        return Union[tuple(parts)] if parts else None  # noqa: UP007 - made of a list
    if get_origin(hint) in (list, tuple, dict):
        inner = [_plain_part(part) for part in get_args(hint) if part is not Ellipsis]
        if any(part is None for part in inner):
            return None
        any_number = get_origin(hint) is tuple and len(set(inner)) == 1  # diffusers writes tuple[int] and means it
        return tuple.__class_getitem__((inner[0], ...)) if any_number else hint
    return None


def _hints(found: Any) -> dict[str, Any]:
    try:
        return get_type_hints(found.__call__)
    except (NameError, TypeError):  # a hint that names something which is only there for type checkers
        return {}


def _outputs(found: Any) -> set[str]:
    """The fields of the outputs that the class's call makes; of all kinds that its code names."""
    try:
        source = inspect.getsource(inspect.unwrap(found.__call__))
    except (OSError, TypeError):
        return set(IMAGE_OUTPUTS)
    names = set(re.findall(r"\b(\w+Output)\(", source))
    module = sys.modules[found.__module__]
    kinds = [kind for name in names if dataclasses.is_dataclass(kind := getattr(module, name, None))]
    fields = {field.name for kind in kinds for field in dataclasses.fields(kind)}
    return fields or set(IMAGE_OUTPUTS)


def _is_optional_image(found: Any) -> bool:
    """Whether diffusers counts the class, which takes an image, among those that can do without."""
    with quiet_libraries():
        from diffusers.pipelines.auto_pipeline import AUTO_TEXT2IMAGE_PIPELINES_MAPPING  # imports all of them
    return found in AUTO_TEXT2IMAGE_PIPELINES_MAPPING.values()
