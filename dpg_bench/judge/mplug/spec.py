"""The judges `mplug` and `tiny-mplug`, as `--judge` names them. Imports no torch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field

from dpg_bench.device import DTYPES, TF32, TF32X3, on_one_thread
from dpg_bench.errors import BadInputError
from dpg_bench.hub.cache import shipped_folder
from dpg_bench.judge.base import Judge, JudgeSettings, JudgeSpec
from dpg_bench.judge.mplug.checkpoint import FILES, PINNED, SHIPPED, VOCABULARY_FILE, WEIGHTS_FILE, Checkpoint
from dpg_bench.plugins import NoOptions, Options

if TYPE_CHECKING:
    from dpg_bench.judge.mplug.judge import MplugJudge


_GIGABYTES = 8.0


class MplugOptions(Options):
    """The options of `mplug`."""

    path: str | None = Field(
        default=None, description="a folder with the checkpoint, instead of the download in ModelScope's cache"
    )


def _validate(settings: JudgeSettings[MplugOptions]) -> None:
    if settings.options.path is not None:
        _local(settings.options.path)


def _load(settings: JudgeSettings[MplugOptions]) -> Judge:
    path = settings.options.path
    return _judge(_local(path) if path is not None else Checkpoint.pinned(), settings)


def _fetch(options: MplugOptions) -> None:
    if options.path is not None:
        _local(options.path)
    else:
        PINNED.download()


def _label(settings: JudgeSettings[MplugOptions]) -> str:
    path = settings.options.path
    return "mplug" if path is None else f"mplug ({Path(path).expanduser().resolve().name})"


def _pending(options: MplugOptions) -> float:
    return 0.0 if options.path is not None or PINNED.downloaded() is not None else _GIGABYTES


def _local(path: str) -> Checkpoint:
    """The checkpoint in a folder of the user's, settings checked.

    Raises BadInputError if a file is missing or the settings are not an mPLUG VQA model's.
    """
    from dpg_bench.judge.mplug.config import read_config

    folder = Path(path).expanduser()
    if not folder.is_dir():
        raise BadInputError(f"Option 'path' of mplug is '{path}', which is no folder; it must hold {', '.join(FILES)}.")
    read_config(folder)
    for name in (VOCABULARY_FILE, WEIGHTS_FILE):
        if not (folder / name).is_file():
            raise BadInputError(f"{folder / name} is missing; a checkpoint folder holds {', '.join(FILES)}.")
    return Checkpoint(folder, "folder", None, {})


def _load_tiny(settings: JudgeSettings[NoOptions]) -> Judge:
    from dpg_bench.judge.mplug.tiny import tiny_checkpoint

    return on_one_thread(_judge(tiny_checkpoint(), settings), "answer")


def _fetch_tiny(options: NoOptions) -> None:  # noqa: ARG001 - the signature of JudgeSpec.fetch
    from dpg_bench.judge.mplug.tiny import tiny_checkpoint

    tiny_checkpoint()


def _judge(checkpoint: Checkpoint, settings: JudgeSettings[Any]) -> MplugJudge:
    from dpg_bench.judge.mplug.judge import MplugJudge

    return MplugJudge(checkpoint, device=settings.device, dtype=settings.dtype)


def _load_mini(settings: JudgeSettings[NoOptions]) -> Judge:
    shipped = Checkpoint(shipped_folder("weights") / "mini-mplug", SHIPPED, None, {})
    return on_one_thread(_judge(shipped, settings), "answer")


MPLUG = JudgeSpec(
    name="mplug",
    summary="mPLUG-large VQA, the judge of the DPG-Bench paper",
    source=f"ModelScope, {PINNED.name} at {PINNED.revision}",
    options=MplugOptions,
    load=_load,
    validate=_validate,
    fetch=_fetch,
    gigabytes=_GIGABYTES,
    notes=(
        "float32 is the reference's own precision; the default on NVIDIA GPUs from 2020 on, tf32x3, is nearly the same",
    ),
    dtypes=(*DTYPES, TF32, TF32X3),
    gpu_dtype=TF32X3,
    label=_label,
    pending=_pending,
)

MINI_MPLUG = JudgeSpec(
    name="mini-mplug",
    summary="mPLUG in small, trained on the miniature world: for the suite miniature alone",
    source="shipped with dpg-bench",
    options=NoOptions,
    load=_load_mini,
    notes=("it knows the questions of the miniature world, and no others",),
    made_for="miniature",
    dtypes=(*DTYPES, TF32, TF32X3),
)

TINY_MPLUG = JudgeSpec(
    name="tiny-mplug",
    summary="mPLUG at toy size with untrained weights: proves the path, its scores mean nothing",
    source="built on this machine from a seed, in seconds",
    options=NoOptions,
    load=_load_tiny,
    fetch=_fetch_tiny,
    notes=("the weights are untrained: its scores mean nothing",),
    dtypes=(*DTYPES, TF32, TF32X3),
    untrained=True,
)
