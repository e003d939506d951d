"""The judge `clip`, as `--judge` names it. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from dpg_bench.errors import BadInputError
from dpg_bench.hub.huggingface import Repository, Weights, cached_weights, folder_weights, repository_weights
from dpg_bench.hub.weights import weight_files
from dpg_bench.judge.base import Judge, JudgeSettings, JudgeSpec
from dpg_bench.plugins import Options

REPOSITORY = Repository(
    "openai/clip-vit-base-patch32", None, ("config.json", "vocab.json", "merges.txt", "pytorch_model.bin")
)
_BESIDE = ("config.json", "vocab.json", "merges.txt")
_GIGABYTES = 0.6


class ClipOptions(Options):
    """The options of `clip`."""

    path: str | None = Field(
        default=None, description=f"a folder with a CLIP model in transformers' form, in place of {REPOSITORY.name}"
    )


def _weights(options: ClipOptions) -> Weights:
    """The files of the model, downloaded if need be."""
    if options.path is None:
        return repository_weights(REPOSITORY)
    folder = Path(options.path).expanduser()
    found = weight_files(folder)
    if not folder.is_dir() or found is None:
        raise BadInputError(f"Option 'path' of clip is '{options.path}', which is no folder with a model's weights.")
    return folder_weights(folder, (*_BESIDE, *found.names))


def _validate(settings: JudgeSettings[ClipOptions]) -> None:
    if settings.options.path is not None:
        _weights(settings.options)


def _load(settings: JudgeSettings[ClipOptions]) -> Judge:
    from dpg_bench.judge.clip.judge import ClipJudge

    return ClipJudge(_weights(settings.options), device=settings.device, dtype=settings.dtype)


def _fetch(options: ClipOptions) -> None:
    _weights(options)


def _label(settings: JudgeSettings[ClipOptions]) -> str:
    path = settings.options.path
    return settings.judge if path is None else f"{settings.judge} ({Path(path).expanduser().resolve().name})"


def _pending(options: ClipOptions) -> float:
    return 0.0 if options.path is not None or cached_weights(REPOSITORY) is not None else _GIGABYTES


CLIP = JudgeSpec(
    name="clip",
    summary="CLIP ViT-B/32, T2I-CompBench's judge of non-spatial relations: how alike text and image are",
    source=f"the Hugging Face Hub, {REPOSITORY.name}",
    options=ClipOptions,
    load=_load,
    validate=_validate,
    fetch=_fetch,
    gigabytes=_GIGABYTES,
    notes=(
        "For --suite t2i-compbench/non-spatial: the cosine stands in the place of P(yes), and no answer is a yes.",
        "float32 is the procedure's own precision on a CPU.",
    ),
    label=_label,
    pending=_pending,
)
