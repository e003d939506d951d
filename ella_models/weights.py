"""Connector weights: where they are, which kind and sizes they have, and loading them with every doubt named."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch
from huggingface_hub import hf_hub_download
from huggingface_hub.errors import EntryNotFoundError, HfHubHTTPError
from safetensors import SafetensorError, safe_open

from ella_models.connector import (
    CONNECTOR_KINDS,
    CONNECTOR_PRESETS,
    ConnectorConfig,
    ConnectorKind,
    EllaConnector,
)
from ella_models.errors import EllaError
from ella_models.reading import read_text
from ella_models.text_encoder.base import TextOptions

RELEASED_REPOSITORY = "QQGYLab/ELLA"
RELEASED_FILE = "ella-sd1.5-tsc-t5xl.safetensors"
TEXT_OPTIONS = "text_options"
SAVED_FILE, SAVED_CONFIG = "diffusion_pytorch_model.safetensors", "config.json"
DEFAULT_HEADS = CONNECTOR_PRESETS["sd1.5-t5xl"].heads

_HUB_SOURCE = re.compile(r"(?P<repository>[\w.-]+/[\w.-]+?)(?:/(?P<file>.+\.safetensors))?")
_SIZE_SOURCES = {
    "time_channel": ("time_embedding.linear_1.weight", 1),
    "time_embed_dim": ("time_embedding.linear_1.weight", 0),
    "width": ("connector.latents", 1),
    "num_latents": ("connector.latents", 0),
    "input_dim": ("connector.proj_in.weight", 1),
    "pooled_dim": ("pool.proj.weight", 0),
}
NO_POOL = ("pooled_dim", None)
_MLP_WIDTH = ("connector.proj_out.weight", 0)
_BLOCK_KEY = re.compile(r"connector\.perceiver_blocks\.(\d+)\.")

Shapes = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class ConnectorFiles:
    """A connector on disk: its `.safetensors`, and the `.json` with its kind and sizes if there is one."""

    weights: Path
    sizes: Path | None


def find_connector(source: str | os.PathLike[str], *, revision: str | None = None) -> ConnectorFiles:
    """The files behind `source`, downloaded to the usual Hugging Face cache if they are on the Hub.

    `source` is a `.safetensors` file (kind and sizes in a `.json` of the same stem, if they are not the default); a
    folder with one such file, as `EllaConnector.save_pretrained` writes; a Hub repository with the released file
    (`QQGYLab/ELLA`) or with what `save_pretrained` writes; or a file of one (`OWNER/REPOSITORY/FILE.safetensors`).

    Raises EllaError if nothing is there or it can't be downloaded.
    """
    path = Path(source)
    if path.is_dir():
        return _in_folder(path)
    if path.is_file():
        beside = path.with_suffix(".json")
        return ConnectorFiles(path, beside if beside.is_file() else None)
    on_hub = _HUB_SOURCE.fullmatch(os.fspath(source))
    if not on_hub or (on_hub["file"] is None and path.suffix == ".safetensors"):
        raise EllaError(
            f"No ELLA connector at '{source}': give a .safetensors file, a folder with one, or a Hub repository "
            f"such as {RELEASED_REPOSITORY}."
        )
    repository = on_hub["repository"]
    if on_hub["file"] is not None:
        return _on_hub(repository, on_hub["file"], os.fspath(Path(on_hub["file"]).with_suffix(".json")), revision)
    try:
        return _on_hub(repository, RELEASED_FILE, os.fspath(Path(RELEASED_FILE).with_suffix(".json")), revision)
    except EllaError as error:
        if isinstance(error.__cause__, EntryNotFoundError):
            with suppress(EllaError):
                return _on_hub(repository, SAVED_FILE, SAVED_CONFIG, revision)
        raise


def load_connector(
    source: str | os.PathLike[str] | ConnectorFiles,
    *,
    revision: str | None = None,
    dtype: torch.dtype = torch.float32,
) -> EllaConnector:
    """Load a trained connector, in evaluation mode; `source` as in `find_connector`.

    Raises EllaError for a file that is broken or cut short, and for weights of another architecture, naming the keys
    and shapes; both before any tensor is read.
    """
    files = source if isinstance(source, ConnectorFiles) else find_connector(source, revision=revision)
    beside = {} if files.sizes is None else _read_json(files.sizes)
    text_options = _read_text_options(beside.pop(TEXT_OPTIONS, None), files.sizes)
    sizes = None if files.sizes is None else _read_sizes(beside, files.sizes)
    try:
        with safe_open(files.weights, framework="pt") as tensors:
            shapes = {key: tuple(tensors.get_slice(key).get_shape()) for key in tensors.keys()}  # noqa: SIM118
            config = connector_sizes(shapes, sizes=sizes, file=files.weights)
            state = {key: tensors.get_tensor(key).to(dtype) for key in shapes}
    except SafetensorError as error:
        raise EllaError(
            f"'{files.weights}' ({files.weights.stat().st_size} bytes) is no complete safetensors file: {error}. "
            "Download it again."
        ) from error
    with torch.device("meta"):
        connector: EllaConnector = EllaConnector.from_sizes(config, text_options=text_options)
    connector.load_state_dict(state, assign=True)
    connector.requires_grad_(False)
    connector.eval()
    return connector


def connector_sizes(
    shapes: Shapes, *, sizes: Mapping[str, Any] | None = None, file: str | os.PathLike[str] = "the weights"
) -> ConnectorConfig:
    """The kind and sizes of a connector whose parameters have these `shapes`, which are checked one by one.

    The number of heads leaves no trace in the shapes: it comes from `sizes`, and is 8 without.

    Raises EllaError that names `file` and every key that is missing, unknown, or of another shape.
    """
    config = _inferred(shapes, dict(sizes or {}), file)
    with torch.device("meta"):
        expected = {name: tuple(p.shape) for name, p in EllaConnector.from_sizes(config).state_dict().items()}
    faults = [f"{key} is missing (expected {list(shape)})" for key, shape in expected.items() if key not in shapes]
    faults += [f"{key} {list(shape)} is unknown" for key, shape in shapes.items() if key not in expected]
    faults += [
        f"{key} is {list(shapes[key])} instead of {list(shape)}"
        for key, shape in expected.items()
        if key in shapes and shapes[key] != shape
    ]
    if faults:
        shown = "; ".join(faults[:8]) + (f"; and {len(faults) - 8} more" if len(faults) > 8 else "")
        raise EllaError(f"'{file}' holds no ELLA connector of this kind and size ({_said(config)}): {shown}.")
    return config


def _inferred(shapes: Shapes, sizes: dict[str, Any], file: str | os.PathLike[str]) -> ConnectorConfig:
    kind = _kind(shapes)
    if sizes.get("kind", kind) != kind:
        raise EllaError(f"'{file}' holds a connector of kind {kind}, but the .json beside it says {sizes['kind']!r}.")
    sources = _SIZE_SOURCES | ({"width": _MLP_WIDTH} if kind == "mlp" else {})
    found: dict[str, Any] = {"kind": kind}
    for size, (key, axis) in sources.items():
        shape = shapes.get(key, ())
        if len(shape) == 2:
            found[size] = shape[axis]
    blocks = {int(match[1]) for key in shapes if (match := _BLOCK_KEY.match(key))}
    if blocks:
        found["layers"] = len(blocks)
    for size in sorted(found.keys() & sizes.keys()):
        if found[size] != sizes[size]:
            raise EllaError(f"'{file}' has {size} {found[size]}, but the .json beside it says {sizes[size]}.")
    try:
        return replace(CONNECTOR_PRESETS["sd1.5-t5xl"], **({"heads": DEFAULT_HEADS} | sizes | found))
    except EllaError as error:
        raise EllaError(f"'{file}' can't be a connector: {error}") from error


def _kind(shapes: Shapes) -> ConnectorKind:
    if "connector.proj_out.weight" in shapes:
        return "mlp"
    if "connector.perceiver_blocks.0.gate.weight" in shapes:
        return "adaln-zero"
    # a LayerNorm with a weight of its own, where the timestep-aware kinds have a linear layer
    return "resampler" if "connector.perceiver_blocks.0.ln_1.weight" in shapes else "tsc"


def _read_json(file: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_text(file))
    except (ValueError, RecursionError) as error:
        raise EllaError(f"'{file}' is no JSON file of connector sizes: {error}.") from error
    if not isinstance(content, dict):
        raise EllaError(f"'{file}' must hold an object of connector sizes ({', '.join(_known_sizes())}).")
    return {name: size for name, size in content.items() if not name.startswith("_")}


def _known_sizes() -> list[str]:
    return [field.name for field in fields(ConnectorConfig)]


def _read_text_options(options: Any, file: Path | None) -> dict[str, Any]:
    try:
        return TextOptions.read(options).changed()
    except (EllaError, TypeError, AttributeError) as error:
        raise EllaError(f"'{file}' gives text_options that can't be read: {error}") from error


def _read_sizes(sizes: dict[str, Any], file: Path) -> dict[str, Any]:
    known = _known_sizes()
    for name, size in sizes.items():
        if name not in known:
            raise EllaError(f"'{file}' names a size '{name}' that no connector has; known are {', '.join(known)}.")
        if name == "kind" and size not in CONNECTOR_KINDS:
            raise EllaError(f"'{file}' gives kind as {size!r}; it must be one of {', '.join(CONNECTOR_KINDS)}.")
        if name != "kind" and (not isinstance(size, int) or isinstance(size, bool)) and (name, size) != NO_POOL:
            raise EllaError(f"'{file}' gives {name} as {size!r}; it must be a whole number.")
    return sizes


def _on_hub(repository: str, file: str, config: str, revision: str | None) -> ConnectorFiles:
    try:
        weights = Path(hf_hub_download(repository, file, revision=revision))
    except (HfHubHTTPError, OSError, ValueError) as error:
        at = f" at revision '{revision}'" if revision else ""
        raise EllaError(
            f"The connector '{file}' could not be fetched from the Hub repository '{repository}'{at}, and there is no "
            f"'{repository}/{file}' on this machine: {error}"
        ) from error
    try:
        return ConnectorFiles(weights, Path(hf_hub_download(repository, config, revision=revision)))
    except EntryNotFoundError:
        return ConnectorFiles(weights, None)


def _in_folder(folder: Path) -> ConnectorFiles:
    found = sorted(folder.glob("*.safetensors"))
    if len(found) != 1:
        names = ", ".join(file.name for file in found) or "none"
        raise EllaError(
            f"The folder '{folder}' must hold exactly one .safetensors file of a connector; found: {names}."
        )
    beside = [found[0].with_suffix(".json"), folder / SAVED_CONFIG]
    return ConnectorFiles(found[0], next((file for file in beside if file.is_file()), None))


def _said(config: ConnectorConfig) -> str:
    return ", ".join(f"{name} {size}" for name, size in asdict(config).items())
