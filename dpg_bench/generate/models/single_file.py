"""Checkpoints in a single file, in the layout of the model's authors: how community models are shared.

They hold weights alone. Configurations and tokenizers come from a diffusers folder or repository of the same kind of
model, which is asked for nothing else.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dpg_bench.errors import BadInputError, DpgBenchError
from dpg_bench.hub.huggingface import Repository, Weights, local_path, repository_weights
from dpg_bench.hub.loading import load_errors
from dpg_bench.hub.stated import check_stated

CONFIG_HELP = "of a single-file checkpoint: diffusers folder or repository whose configurations and tokenizers fit it"
_CONFIGS = ("model_index.json",)
_MORE_CONFIGS = ("*/*.json", "*/*.txt", "*/*.model", "*/*.jinja")


def find_configs(source: str, *, revision: str | None = None) -> Weights:
    """Configurations and tokenizers of the diffusers folder or repository `source`, downloaded if need be.

    Raises BadInputError if it is no diffusers folder.
    """
    path = local_path(source)
    if path is None:
        return repository_weights(Repository(source, revision, _CONFIGS, optional=_MORE_CONFIGS))
    if not (path / "model_index.json").is_file():
        raise BadInputError(f"config={source} is no diffusers folder: it has no model_index.json.")
    found = sorted(file for pattern in (*_CONFIGS, *_MORE_CONFIGS) for file in path.glob(pattern) if file.is_file())
    names = tuple(dict.fromkeys(file.relative_to(path).as_posix() for file in found if ".index." not in file.name))
    return Weights(source, None, path, names)


def usual_configs(file: Path) -> str:
    """The repository whose configurations diffusers takes for a checkpoint like this one.

    Raises BadInputError if the file can't be read.
    """
    with load_errors("a checkpoint", _alone(file)):
        from diffusers.loaders.single_file_utils import fetch_diffusers_config, load_single_file_checkpoint

        return str(fetch_diffusers_config(load_single_file_checkpoint(str(file)))["pretrained_model_name_or_path"])


def load_single_file(pipeline_class: Any, file: Path, configs: Weights, *, dtype: Any, parts: Mapping[str, Any]) -> Any:
    """The pipeline in `file`, with the components of `parts` as they are given.

    Raises BadInputError if the file is damaged, or doesn't hold what the configurations say.
    """
    name = pipeline_class.__name__
    if not hasattr(pipeline_class, "from_single_file"):
        raise BadInputError(f"{file} is a single file, but diffusers reads a {name} from folders alone.")
    check_stated(configs)
    try:
        with load_errors(f"a {name}", _alone(file)):
            return pipeline_class.from_single_file(
                str(file), config=str(configs.folder), local_files_only=True, dtype=dtype, **parts
            )
    except DpgBenchError as error:
        raise BadInputError(
            f"{error} Configurations were taken from {configs.source}; if the checkpoint is of another kind, name a "
            "folder or repository that fits it: -M config=…"
        ) from error.__cause__


def _alone(file: Path) -> Weights:
    return Weights(str(file), None, file.parent, (file.name,))
