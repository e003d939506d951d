"""The judges `vlm:MODEL`, as `--judge` names them. Imports no torch."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from pydantic import Field

from dpg_bench.errors import BadInputError
from dpg_bench.hub.huggingface import (
    Repository,
    Weights,
    cached_weights,
    folder_weights,
    is_folder,
    repository_gigabytes,
    repository_weights,
)
from dpg_bench.judge.base import Judge, JudgeSettings, JudgeSpec
from dpg_bench.plugins import Options

PREFIX = "vlm:"

_FILES = ("config.json", "model*.safetensors")
_OPTIONAL = ("*.json", "*.jinja", "*.txt", "*.model")


class VlmOptions(Options):
    """The options of `vlm:` judges."""

    revision: str | None = Field(
        default=None, description="branch, tag or commit of the repository; the newest if nothing is said"
    )
    max_pixels: int | None = Field(
        default=None,
        gt=0,
        description="larger images are scaled down to so many pixels before the model's own resizing",
    )
    system: str | None = Field(default=None, description="a system message; none if nothing is said")
    shared_prefill: bool = Field(
        default=True, description="compute the image's part of the prompt once for all questions about it"
    )


def vlm_spec(name: str) -> JudgeSpec[VlmOptions]:
    """The judge `vlm:REPO_OR_FOLDER`. Raises BadInputError if what follows the colon can be neither."""
    source = name.removeprefix(PREFIX)
    if not source:
        raise BadInputError(f"'{name}' names no model; write vlm:OWNER/REPOSITORY or vlm:FOLDER.")
    here = is_folder(source)
    return JudgeSpec(
        name=f"{PREFIX}{Path(source).expanduser().resolve().name}" if here else name,
        summary="any vision-language model that transformers loads for image-text-to-text, asked for yes or no",
        source="the folder" if here else "the Hugging Face Hub",
        options=VlmOptions,
        load=partial(_load, source),
        validate=partial(_validate, source),
        fetch=partial(_fetch, source),
        notes=(
            "The answer is the first token; P(yes) is summed over its spellings. Neither yes nor no is no answer.",
            "One image goes through the model at a time, with all its questions, so no answer depends on --batch-size.",
            "On a GPU bfloat16; --dtype float32 for answers that rounding doesn't move.",
        ),
        gpu_dtype="bfloat16",
        pending=partial(_pending, source),
    )


def _validate(source: str, settings: JudgeSettings[VlmOptions]) -> None:
    if not is_folder(source):
        return
    if settings.options.revision is not None:
        raise BadInputError(f"revision={settings.options.revision} needs a repository, but {source} is a folder.")
    folder_weights(Path(source).expanduser(), _FILES)


def _repository(source: str, options: VlmOptions) -> Repository:
    return Repository(source, options.revision, _FILES, optional=_OPTIONAL)


def vlm_weights(source: str, options: VlmOptions) -> Weights:
    """The model's files in the folder `source`, or of the repository, downloaded if need be.

    Raises BadInputError if they aren't there.
    """
    if is_folder(source):
        return folder_weights(Path(source).expanduser(), _FILES, optional=_OPTIONAL)
    return repository_weights(_repository(source, options))


def _fetch(source: str, options: VlmOptions) -> None:
    vlm_weights(source, options)


def _pending(source: str, options: VlmOptions) -> float:
    if is_folder(source) or cached_weights(_repository(source, options)) is not None:
        return 0.0
    return repository_gigabytes(_repository(source, options))


def _load(source: str, settings: JudgeSettings[VlmOptions]) -> Judge:
    from dpg_bench.judge.vlm.judge import VlmJudge

    return VlmJudge(vlm_weights(source, settings.options), settings)
