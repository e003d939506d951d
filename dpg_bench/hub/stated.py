"""What the files of a model state about it, looked at before a library builds a model by them.

Libraries believe a configuration: they loop over its numbers, download the code that it names, and import its modules.
"""

from __future__ import annotations

import importlib.util
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import read_content, read_json
from dpg_bench.hub.huggingface import Weights, read_model_index
from dpg_bench.hub.stated_adapter import check_adapter

_SETTINGS = re.compile(r"(.*_)?config(uration)?\.json")
"""What libraries build a model by. Other JSON may lie beside it, such as a training's record or large vocabularies."""
_LARGEST_SETTINGS = 1 << 23  # bytes; 21,000 labels take two million
_TEXTS = (".json", ".txt", ".jinja", ".model")
_LARGEST_TEXT = 1 << 26  # bytes; the largest vocabularies have 35 million
_LARGEST_HEADER = 1 << 24
_MOST_GROWTH = 1000
_MOST_TENSORS = 20_000
"""Of a file: libraries compare their names with one another. Those of the largest single files have some thousand."""
_LONGEST = {list: 20_000, dict: 50_000}
_BLOCKS = re.compile(r"(?!ignored).*(block|layer|channels|types|depths|mult)\w*")
_MOST_BLOCKS = 500
_LARGEST_NUMBER = 1 << 25
_MOST = (
    (re.compile(r"(.*_)?(n_)?(layers?|blocks?|depths?|stages)|.*layers_per_(block|stage).*"), 1000),
    (re.compile(r".*(timesteps|labels|inference_steps|extra_ids)"), 100_000),
    (re.compile(r"(.*_)?(image_size|sample_size|crop_size|height|width)|max_patches"), 1 << 16),
    (re.compile(r"image_seq_length|num_(\w+_)?(image|query)_tokens"), 1 << 16),
    (re.compile(r"min_pixels|shortest_edge"), 1 << 22),
)
"""The most that a whole number may be, by the name it stands under: these are looped over, or drawn images' sides."""
_NO_LENGTH = 10**19
"""From here on a tokenizer's `model_max_length` says that there is none; texts can't be padded to it."""
_ANY_NUMBER = re.compile(
    r".*(theta|(?<!model_)max_length|max_pixels|longest_edge|parameters|seed|window\w*|_flos|_size_bytes)"
)
_LIBRARIES = ("diffusers", "transformers", "ella_models")
_MOST_PARTS = 100
_IMPLEMENTATION = re.compile(r"_?(attn|experts)_implementation\w*")
_OWN_CODE = "Code that a model brings along or names is never run."


def check_stated(weights: Weights) -> None:
    """Look at configurations and headers before they are believed.

    Raises BadInputError for numbers, lists and counts that no model has, for code that would be fetched or imported,
    for an adapter that would be merged in silently, for what is no JSON, and what `check_adapter` raises.
    """
    for name in weights.files:
        path = weights.folder / name
        if path.name == "model_index.json":
            _check_parts(path)
        elif path.name == "tokenizer.json":
            _check_tokenizer(path)
        elif _SETTINGS.fullmatch(path.name):
            _check_settings(path)
        elif path.suffix == ".safetensors":
            _check_header(path)
        elif path.suffix in _TEXTS and path.stat().st_size > _LARGEST_TEXT:
            raise BadInputError(f"{path} has more than the {_LARGEST_TEXT >> 20} MiB that are read of such a file.")


def _check_settings(path: Path) -> None:
    for name, value in _numbered(read_json(read_content(path, most=_LARGEST_SETTINGS), str(path))):
        if isinstance(value, list | dict) and len(value) > (longest := _longest(name, value)):
            raise BadInputError(f"{path} lists {len(value)} values as {name:.60}; up to {longest} are read.")
        if isinstance(value, int) and abs(value) > (most := _most(name, value)):
            raise BadInputError(f"{path} states {value} as {name:.60}; no model has more than {most}.")
        if isinstance(value, str) and _IMPLEMENTATION.fullmatch(name) and "/" in value:
            raise BadInputError(f"{path} names '{value:.100}' as {name}, which would be downloaded. {_OWN_CODE}")
    if path.name == "config.json" and path.with_name("adapter_config.json").exists():
        raise BadInputError(
            f"{path.parent} holds an adapter beside the model (adapter_config.json), which names the model that it is "
            "for. Merge it into the weights, or take it out of the folder."
        )


def _check_tokenizer(path: Path) -> None:
    """Raises BadInputError for a tokenizer that makes texts many times longer than they are."""
    content = read_json(read_content(path), str(path))
    growth = 1
    for part in ("normalizer", "pre_tokenizer", "padding"):
        for _, value in _numbered(content.get(part) if isinstance(content, dict) else None):
            if isinstance(value, dict):
                added = [value[key] for key in ("content", "prepend", "replacement") if isinstance(value.get(key), str)]
                growth *= max([1, *map(len, added)])
                if isinstance(padded := value.get("Fixed"), int):
                    growth *= max(1, padded >> 8)
    if growth > _MOST_GROWTH:
        raise BadInputError(
            f"{path} makes a text more than {_MOST_GROWTH} times longer. Take another copy of the model."
        )


def _longest(name: str, value: list[Any] | dict[str, Any]) -> int:
    return _MOST_BLOCKS if isinstance(value, list) and _BLOCKS.fullmatch(name) else _LONGEST[type(value)]


def _most(name: str, value: int) -> float:
    if _ANY_NUMBER.fullmatch(name) or (name == "model_max_length" and value >= _NO_LENGTH):
        return float("inf")
    return next((most for pattern, most in _MOST if pattern.fullmatch(name)), _LARGEST_NUMBER)


def _numbered(content: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """All values with the last name above them; those of a list have the list's."""
    yield name, content
    for key, value in content.items() if isinstance(content, dict) else ():
        yield from _numbered(value, key)
    for value in content if isinstance(content, list) else ():
        yield from _numbered(value, name)


def _check_parts(path: Path) -> None:
    """Raises BadInputError unless the parts of a pipeline are classes of the libraries that may be imported."""
    parts = {name: entry for name, entry in read_model_index(path.parent).items() if _is_part(entry)}
    if len(parts) > _MOST_PARTS:
        raise BadInputError(f"{path} names {len(parts)} components; no pipeline has more than {_MOST_PARTS}.")
    for name, entry in parts.items():
        if len(entry) != 2 or not all(one is None or isinstance(one, str) for one in entry):
            raise BadInputError(f"{path} gives {entry!r:.100} as {name}; it must be a library and a class of it.")
        if entry[0] is not None and not _may_be_imported(entry[0]):
            raise BadInputError(
                f"{path} names '{entry[0]:.100}' as the home of {name}, which is neither diffusers, transformers nor a "
                f"pipeline of diffusers. {_OWN_CODE}"
            )


def _is_part(entry: Any) -> bool:
    """Whether it stands for a component, and not for a setting with several numbers."""
    return isinstance(entry, list) and not (entry and all(isinstance(one, int | float) for one in entry))


def _may_be_imported(library: str) -> bool:
    if library.partition(".")[0] in _LIBRARIES:
        return library in _LIBRARIES or library.startswith("ella_models.")
    found = importlib.util.find_spec("diffusers")
    folders = [Path(place) / "pipelines" / library for place in (found and found.submodule_search_locations) or ()]
    return library.isidentifier() and any(folder.is_dir() for folder in folders)


def _check_header(path: Path) -> None:
    """Raises BadInputError for a safetensors file whose header is larger than models have, or names a tensor twice.

    Also for what it states of an adapter, as `check_adapter` does. What is no such file at all, the library says.
    """
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        if length > path.stat().st_size - 8:
            return
        if length > _LARGEST_HEADER:
            raise BadInputError(f"{path} has a header of {length} bytes; up to {_LARGEST_HEADER} are read.")
        header = file.read(length)
    tensors = read_json(header, f"The header of {path}")
    if not isinstance(tensors, dict):
        return
    if len(tensors) > _MOST_TENSORS:
        raise BadInputError(f"{path} names {len(tensors)} tensors; up to {_MOST_TENSORS} are read of a file.")
    check_adapter(path, tensors)
