"""The judge `blip-vqa`, as `--judge` names it. Imports no torch."""

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.hub.huggingface import Repository, Weights, cached_weights, folder_weights, repository_weights
from dpg_bench.judge.base import Judge, JudgeSettings, JudgeSpec
from dpg_bench.plugins import Options

COPY = Repository("Salesforce/blip-vqa-capfilt-large", None, ("config.json", "vocab.txt", "model.safetensors"))
"""The Hub's copy of the weights, at 384 px instead of 480."""
VOCABULARY = Repository("google-bert/bert-base-uncased", None, ("vocab.txt",))

_GIGABYTES = 1.5
_ORIGINAL = (".pth", ".pt", ".bin")


class BlipVqaOptions(Options):
    """The options of `blip-vqa`."""

    path: str | None = Field(
        default=None,
        description="the original model_base_vqa_capfilt_large.pth, whose numbers are T2I-CompBench's; or a folder in "
        "transformers' form. Without it the Hub's copy at 384 px, whose numbers are its own",
    )


def _weights(options: BlipVqaOptions) -> Weights:
    """The file or files of the model, downloaded if need be."""
    if options.path is None:
        return repository_weights(COPY)
    path = Path(options.path).expanduser()
    if path.is_dir():
        return folder_weights(path, COPY.files)
    if path.is_file() and path.suffix in _ORIGINAL:
        return Weights(path.name, None, path.parent, (path.name,))
    raise BadInputError(
        f"Option 'path' of blip-vqa is '{options.path}', which is neither the original checkpoint (a .pth file) nor a "
        f"folder with {', '.join(COPY.files)}."
    )


def _vocabulary(weights: Weights) -> Path:
    """BERT's vocabulary: the copy's own, that beside the original file, or the Hub's."""
    beside = weights.folder / "vocab.txt"
    if beside.is_file():
        return beside
    try:
        return repository_weights(VOCABULARY).folder / "vocab.txt"
    except UnavailableError as error:
        raise UnavailableError(f"{error} Or put BERT's vocab.txt beside {weights.files[0]}.") from error


def _validate(settings: JudgeSettings[BlipVqaOptions]) -> None:
    if settings.options.path is not None:
        _weights(settings.options)


def _load(settings: JudgeSettings[BlipVqaOptions]) -> Judge:
    from dpg_bench.judge.blip_vqa.judge import BlipVqaJudge

    weights = _weights(settings.options)
    return BlipVqaJudge(weights, _vocabulary(weights), device=settings.device, dtype=settings.dtype)


def _fetch(options: BlipVqaOptions) -> None:
    _vocabulary(_weights(options))


def _label(settings: JudgeSettings[BlipVqaOptions]) -> str:
    path = settings.options.path
    return f"blip-vqa ({Path(path).expanduser().resolve().name if path is not None else 'copy at 384 px'})"


def _pending(options: BlipVqaOptions) -> float:
    return 0.0 if options.path is not None or cached_weights(COPY) is not None else _GIGABYTES


BLIP_VQA = JudgeSpec(
    name="blip-vqa",
    summary="BLIP-VQA, T2I-CompBench's judge of attributes: p(yes) of one decoder step",
    source=f"the Hugging Face Hub, {COPY.name}; the original with -J path=FILE.pth",
    options=BlipVqaOptions,
    load=_load,
    validate=_validate,
    fetch=_fetch,
    gigabytes=_GIGABYTES,
    notes=(
        "The Hub's copy reads images at 384 px, the original at 480: its numbers are its own, and its scores say so.",
        "float32 is the reference's own precision; an answer is yes where p(yes) is above a half.",
    ),
    label=_label,
    pending=_pending,
)
