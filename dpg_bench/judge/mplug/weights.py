"""A checkpoint's parameters into the model: strictly, and never held twice."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from dpg_bench.device import TF32X3
from dpg_bench.errors import BadInputError
from dpg_bench.hub.tensor_file import read_tensor_file
from dpg_bench.judge.mplug.checkpoint import WEIGHTS_FILE
from dpg_bench.judge.mplug.config import MplugConfig
from dpg_bench.judge.mplug.model import MplugModel, checkpoint_name
from dpg_bench.judge.mplug.precision import Linear, weights_dtype

_WRAPPERS = ("model", "module")
_PREFIX = "model."


def load_model(config: MplugConfig, folder: Path, *, device: torch.device, precision: str) -> MplugModel:
    """The model of the checkpoint in `folder` on `device`, ready for inference in a `precision` that the judge knows.

    The file is mapped, not read: in float32 on a CPU the model's parameters are the mapped file itself, and
    elsewhere they are converted one by one. Raises BadInputError if the file is missing, damaged, holds anything but
    tensors, or doesn't hold exactly this model.
    """
    path = folder / WEIGHTS_FILE
    weights = _read(path)
    with torch.device("meta"):
        model = MplugModel(config)
    check_keys(model, weights, path)
    places = {checkpoint_name(name): name for name, _ in model.named_parameters()}
    weights = {name: weights[name] for name in places}
    for name, place in places.items():
        path_to_owner, _, attribute = place.rpartition(".")
        owner = model.get_submodule(path_to_owner)
        dtype = weights_dtype(precision) if isinstance(owner, Linear) else torch.float32
        loaded = weights.pop(name).to(device=device, dtype=dtype)
        setattr(owner, attribute, torch.nn.Parameter(loaded, requires_grad=False))
    if precision == TF32X3:
        for module in model.modules():
            if isinstance(module, Linear):
                module.split()
    return model.eval()


def check_keys(model: MplugModel, weights: Mapping[str, Tensor], path: Path) -> None:
    """Raises BadInputError unless `weights` hold the whole model in its shapes, and else only known unused keys."""
    needed = {checkpoint_name(name): parameter for name, parameter in model.named_parameters()}
    missing = [name for name in needed if name not in weights]
    wrong = [
        f"{name} is {_shape(weights[name])} but should be {_shape(parameter)}"
        for name, parameter in needed.items()
        if name in weights and weights[name].shape != parameter.shape
    ]
    unknown = [name for name in weights if name not in needed and not is_unused(name, model.config)]
    problems = [
        f"{len(missing)} keys are missing ({_some([f'{name} {_shape(needed[name])}' for name in missing])})"
        if missing
        else "",
        f"{len(wrong)} have another shape ({_some(wrong)})" if wrong else "",
        f"{len(unknown)} are unknown ({_some([f'{name} {_shape(weights[name])}' for name in unknown])})"
        if unknown
        else "",
    ]
    if any(problems):
        raise BadInputError(
            f"{path} does not hold the model that its folder's settings describe: "
            f"{'; '.join(problem for problem in problems if problem)}. Use an unchanged mPLUG VQA checkpoint."
        )


def is_unused(name: str, config: MplugConfig) -> bool:
    """Whether a checkpoint's key is one that inference is known not to need."""
    if _UNUSED.match(name):
        return True
    fusion = re.match(r"fusion_encoder\.encoder\.layer\.(\d+)\.(crossattention\.)?", name)
    if fusion is None:
        return False
    n = int(fusion[1]) - config.bert.first_fusion_layer
    return n < 0 or (n < config.bert.fusion_layers and bool(fusion[2]) and config.bert.joins_image_and_text(n))


_UNUSED = re.compile(
    r"""
      [^.]+_m\..*                                  # momentum copies, used in training alone
    | visual_encoder\.(?!visual\.).*               # the CLIP text tower
    | visual_encoder\.visual\.proj                 # CLIP's projection, from which mPLUG takes no part
    | fusion_encoder\.embeddings\..*               # fusion starts from the text encoder's states
    | text_decoder\.cls\.predictions\.bias         # the same tensor as predictions.decoder.bias
    | .*\.position_ids                             # 0, 1, 2, …
    """,
    re.VERBOSE,
)


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of the file by their plain names, whichever way they are nested."""
    content = read_tensor_file(path, remedy="Use the unchanged checkpoint from ModelScope.")
    for wrapper in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(wrapper), dict):
            content = content[wrapper]
    if not isinstance(content, dict) or not content or not all(isinstance(name, str) for name in content):
        raise BadInputError(f"{path} holds no named parameters; an mPLUG checkpoint does.")
    if all(name.startswith(_PREFIX) for name in content):
        content = {name.removeprefix(_PREFIX): value for name, value in content.items()}
    for name, value in content.items():
        if not isinstance(value, Tensor):
            raise BadInputError(f"{path}: '{name}' is a {type(value).__name__}, not a tensor.")
    return dict(content)


def _shape(tensor: Tensor) -> str:
    return "×".join(str(size) for size in tensor.shape) or "a single number"


def _some(items: list[str]) -> str:
    return ", ".join(items[:3]) + (f" and {len(items) - 3} more" if len(items) > 3 else "")
