"""LoRA: small changes to a pipeline's weights, from files or repositories, each with its scale."""

from __future__ import annotations

import math
import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, model_validator

from dpg_bench.errors import BadInputError
from dpg_bench.hub.huggingface import Repository, Weights, local_path, repository_weights
from dpg_bench.hub.loading import load_errors

HELP = "a LoRA: file, folder or repository, with :SCALE after it (1 if nothing is said); repeat for more"
_SCALED = re.compile(r"(?P<source>.+):(?P<scale>-?[\d.]+(e-?\d+)?)")
_IN_REPOSITORY = re.compile(r"(?P<name>[\w.-]+/[\w.-]+)/(?P<file>.+\.safetensors)")


class Lora(BaseModel):
    """Where a LoRA comes from, and how strongly it is applied."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: str
    scale: float = 1.0

    @model_validator(mode="before")
    @classmethod
    def _from_text(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        scaled = _SCALED.fullmatch(value)
        return {"source": scaled["source"], "scale": float(scaled["scale"])} if scaled else {"source": value}

    @model_validator(mode="after")
    def _is_possible(self) -> Self:
        if not self.source or not math.isfinite(self.scale):
            raise ValueError("it must be a file, folder or repository, with :SCALE after it if the scale is not 1")
        return self


@dataclass(frozen=True, slots=True)
class AppliedLora:
    """A LoRA that is in a pipeline."""

    weights: Weights
    scale: float

    def record(self) -> dict[str, Any]:
        """What `run.json` keeps of it: source, commit, digests and scale."""
        return {**self.weights.record(), "scale": self.scale}


def check_loras(loras: Sequence[Lora]) -> None:
    """Raises BadInputError for a LoRA that is neither here nor can be a repository."""
    for lora in loras:
        if not _IN_REPOSITORY.fullmatch(lora.source) or Path(lora.source).expanduser().exists():
            path = local_path(lora.source)
            if path is not None:
                _file_of(path)


def find_lora(lora: Lora) -> Weights:
    """The file of a LoRA, downloaded if need be."""
    inside = _IN_REPOSITORY.fullmatch(lora.source)
    if inside and not Path(lora.source).expanduser().exists():
        return repository_weights(Repository(inside["name"], None, (inside["file"],)))
    path = local_path(lora.source)
    if path is not None:
        file = _file_of(path)
        return Weights(lora.source, None, file.parent, (file.name,))
    found = repository_weights(Repository(lora.source, None, ("*.safetensors",)))
    if len(found.files) != 1:
        raise BadInputError(
            f"{lora.source} holds {len(found.files)} files that could be the LoRA: {', '.join(found.files[:5])}. "
            f"Name one: lora={lora.source}/{found.files[0]}."
        )
    return found


def apply_loras(pipeline: Any, loras: Sequence[Lora]) -> Mapping[str, AppliedLora]:
    """Load `loras` into the pipeline, together and each at its scale; by the name under which they are recorded.

    Raises BadInputError if the pipeline takes none, or if a file changes nothing in it.
    """
    name = type(pipeline).__name__
    if loras and not hasattr(pipeline, "load_lora_weights"):
        raise BadInputError(f"{name} takes no LoRA; leave lora={loras[0].source} out.")
    applied: dict[str, AppliedLora] = {}
    for number, lora in enumerate(loras, start=1):
        key = f"lora_{number}"
        weights = find_lora(lora)
        with load_errors(f"a LoRA of {name}", weights):
            _need_peft()
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message="Already found a `peft_config`")  # several are meant
                pipeline.load_lora_weights(weights.folder, weight_name=weights.files[0], adapter_name=key)
            if all(key not in adapters for adapters in pipeline.get_list_adapters().values()):
                raise BadInputError(
                    f"lora={lora.source} changes nothing in a {name}: none of its layers is there. It was made for "
                    "another model."
                )
        applied[key] = AppliedLora(weights, lora.scale)
    if applied:
        with load_errors(f"LoRAs of {name}", *(lora.weights for lora in applied.values())):
            pipeline.set_adapters([*applied], adapter_weights=[lora.scale for lora in applied.values()])
    return applied


def _need_peft() -> None:
    try:
        import peft  # noqa: F401 - diffusers' LoRA needs it, and says so at length
    except ModuleNotFoundError:
        raise BadInputError("LoRA needs the package peft: pip install 'dpg-bench[lora]'.") from None


def _file_of(path: Path) -> Path:
    if path.is_file():
        return path
    files = sorted(path.glob("*.safetensors"))
    if len(files) != 1:
        named = ", ".join(file.name for file in files[:5]) or "none"
        raise BadInputError(f"The folder {path} must hold one .safetensors file to be a LoRA, and has {named}.")
    return files[0]
