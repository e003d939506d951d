"""What a LoRA's file states of how it is applied. The library peft believes it: ranks, patterns of names, a module."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import parse_json

_METADATA = "lora_adapter_metadata"
_PATTERNS = (
    *("target_modules", "target_parameters", "exclude_modules", "layers_pattern", "modules_to_save"),
    *("rank_pattern", "alpha_pattern"),  # by their keys
)
_REPEAT = re.compile(r"[*+{]|(?<!\()\?")
_REPEATED_GROUP = re.compile(r"\)[*+{]")
_REPEAT_BITS = 6
"""A repeat can end at each of a layer's name's characters, some sixty."""
_MOST_BITS = 24
"""Of the number of ways in which a pattern may be tried on a name; seconds."""


def check_adapter(path: Path, header: Mapping[str, Any]) -> None:
    """Look at what the header of a safetensors file states of an adapter, if it states anything.

    Raises BadInputError for what is no JSON object, a rank above the sides of the file's own tensors, a pattern that
    may take time without end, and a module that would be imported.
    """
    metadata = header.get("__metadata__")
    if not isinstance(metadata, dict) or not isinstance(text := metadata.get(_METADATA), str):
        return
    place = f"What {path} states of its adapter ({_METADATA})"
    stated = parse_json(text, place)
    if not isinstance(stated, dict):
        raise BadInputError(f"{place} is no JSON object. Take another copy of the file.")
    largest = max(_sides(header), default=0)
    for key, value in stated.items():
        name = key.rpartition(".")[2]  # behind the model that it is for: unet.r
        if name in ("r", "rank_pattern"):
            _check_ranks(place, key, value, largest)
        if name in _PATTERNS:
            _check_patterns(place, key, value)
        if name == "megatron_config" and value is not None:
            raise BadInputError(f"{place} has {key}, whose code would be imported. Take another copy of the file.")


def _sides(header: Mapping[str, Any]) -> Iterator[int]:
    for tensor in header.values():
        shape = tensor.get("shape") if isinstance(tensor, dict) else None
        yield from (side for side in shape if isinstance(side, int)) if isinstance(shape, list) else ()


def _check_ranks(place: str, key: str, value: Any, largest: int) -> None:
    for rank in value.values() if isinstance(value, dict) else (value,):
        if isinstance(rank, int) and rank > largest:
            raise BadInputError(
                f"{place} gives {rank} as {key}; its tensors have no side above {largest}. Take another copy."
            )


def _check_patterns(place: str, key: str, value: Any) -> None:
    for pattern in (value,) if isinstance(value, str) else value if isinstance(value, list | dict) else ():
        if isinstance(pattern, str) and (_REPEATED_GROUP.search(pattern) or _bits(pattern) > _MOST_BITS):
            raise BadInputError(
                f"{place} has the pattern {pattern[:60]!r} in {key}, which may take time without end: it repeats a "
                "group, or has too many repeats and alternatives. Write the names of the layers."
            )


def _bits(pattern: str) -> float:
    """The logarithm, to base 2, of at least the number of ways in which a pattern without repeated groups is tried."""
    alternatives = (1 + part.count("|") for part in pattern.split("("))
    return _REPEAT_BITS * len(_REPEAT.findall(pattern)) + sum(map(math.log2, alternatives))
