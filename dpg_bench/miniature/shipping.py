"""What ships of the stages' folders: the finished models in float16, each with a card that says how it was made."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import write_atomic
from dpg_bench.judge.mplug.checkpoint import FILES
from dpg_bench.miniature.train.stages import DONE

MOST_MEGABYTES = 25


@dataclass(frozen=True, slots=True)
class Shipped:
    """A folder of weights: which stage's files it has (`patterns` in `folder`), and what its card says of it.

    `logs` are the training logs that belong to it, in the folder of all stages.
    """

    name: str
    stage: str
    folder: str
    patterns: tuple[str, ...]
    logs: tuple[str, ...]
    about: str


SHIPPED = (
    Shipped(
        "mini-sd15",
        "pipeline",
        "model",
        ("*.json", "*/*.json", "*/*.safetensors"),
        ("vae/log.csv", "unet/log.csv", "pipeline/log.csv"),
        "Stable Diffusion's pipeline: U-Net on what scenes hold, CLIP's text encoder on short captions, autoencoder.",
    ),
    Shipped(
        "mini-t5",
        "t5",
        "model",
        ("*.json", "*.safetensors"),
        ("t5/log.csv",),
        "A T5 encoder, on the world's text alone.",
    ),
    Shipped(
        "mini-ella",
        "connector",
        "run",
        ("ella.safetensors", "ella.json"),
        ("connector/run/log.jsonl",),
        "ELLA's connector between mini-t5 and mini-sd15's U-Net, on dense captions, by `ella train`.",
    ),
    Shipped(
        "mini-mplug",
        "final-judge",
        ".",
        FILES,
        ("judge/log.csv", "final-judge/log.csv"),
        "mPLUG VQA, on pictures and questions drawn anew at every step; at last also on pictures that went through "
        "mini-sd15.",
    ),
)


def ship(stages: Path, weights: Path, *, hardware: str) -> None:
    """Copy the models out of `stages` into `weights`, with cards; `hardware` is what they say of the machine.

    Raises BadInputError if a stage isn't done, or the whole exceeds 25 MB.
    """
    for shipped in SHIPPED:
        if not (stages / shipped.stage / DONE).is_file():
            raise BadInputError(f"The stage '{shipped.stage}' isn't done in {stages}, so {shipped.name} can't ship.")
    for shipped in SHIPPED:
        own = weights / shipped.name
        shutil.rmtree(own, ignore_errors=True)
        source = stages / shipped.stage / shipped.folder
        for path in sorted({path for pattern in shipped.patterns for path in source.glob(pattern)}):
            target = own / path.relative_to(source)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        for log in shipped.logs:
            shutil.copyfile(stages / log, own / _log_name(log))
        write_atomic(own / "README.md", _card(shipped, stages, hardware).encode())
    megabytes = sum(path.stat().st_size for path in weights.rglob("*") if path.is_file()) / 1e6
    if megabytes > MOST_MEGABYTES:
        raise BadInputError(f"{weights} has {megabytes:.1f} MB; all weights together may have {MOST_MEGABYTES}.")


def _log_name(log: str) -> str:
    stage, suffix = log.split("/", maxsplit=1)[0], Path(log).suffix
    return f"log-{stage}{suffix}"


def _card(shipped: Shipped, stages: Path, hardware: str) -> str:
    lines = [f"# {shipped.name}", "", shipped.about, "", "Data: scenes of `dpg_bench.miniature`, none held out.", ""]
    for log in shipped.logs:
        last = _last(stages / log)
        took = f" in {last['seconds']} s" if "seconds" in last else ""
        known = ("step", "seconds", "learning_rate", "grad_norm", "images_per_second")
        figures = ", ".join(f"{name} {float(value):.3g}" for name, value in last.items() if name not in known)
        stage = log.split("/")[0]
        lines.append(f"- Stage `{stage}`: {last['step']} steps{took}; at the end {figures} (`{_log_name(log)}`).")
    lines += ["", f"Hardware: {hardware}.", "Seeds and schedules: `dpg_bench.miniature.train`.", ""]
    return "\n".join(lines)


def _last(log: Path) -> Mapping[str, Any]:
    lines = log.read_text(encoding="utf-8").splitlines()
    if log.suffix == ".jsonl":
        last: Mapping[str, Any] = json.loads(lines[-1])
        return {name: value for name, value in last.items() if value is not None}
    return list(csv.DictReader(lines))[-1]
