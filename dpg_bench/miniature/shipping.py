"""What ships of the stages' folders: the finished models in float16, each with a card that says how it was made."""

from __future__ import annotations

import csv
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import write_atomic
from dpg_bench.judge.mplug.checkpoint import FILES
from dpg_bench.miniature.train import connector, judge, pipeline, t5, unet, vae
from dpg_bench.miniature.train.stages import DONE, FINE_TUNING

MOST_MEGABYTES = 25


@dataclass(frozen=True, slots=True)
class Log:
    """A training's log, in the folder of all stages, and the training's seed."""

    path: str
    seed: int

    @property
    def stage(self) -> str:
        """The stage that was trained."""
        return self.path.split("/", maxsplit=1)[0]

    @property
    def name(self) -> str:
        """What the log is called beside the weights."""
        return f"log-{self.stage}{Path(self.path).suffix}"


@dataclass(frozen=True, slots=True)
class Shipped:
    """A folder of weights: which stage's files it has (`patterns` in `folder`), and what its card says of it.

    `logs` are the training logs that belong to it.
    """

    name: str
    stage: str
    folder: str
    patterns: tuple[str, ...]
    logs: tuple[Log, ...]
    about: str


SHIPPED = (
    Shipped(
        "mini-sd15",
        "pipeline",
        "model",
        ("*.json", "*/*.json", "*/*.safetensors"),
        (
            Log("vae/log.csv", vae.SCHEDULE.seed),
            Log("unet/log.csv", unet.SCHEDULE.seed),
            Log("pipeline/log.csv", pipeline.SCHEDULE.seed),
        ),
        "Stable Diffusion's pipeline: U-Net on what scenes hold, CLIP's text encoder on short captions, autoencoder.",
    ),
    Shipped(
        "mini-t5",
        "t5",
        "model",
        ("*.json", "*.safetensors"),
        (Log("t5/log.csv", t5.SCHEDULE.seed),),
        "A T5 encoder, on the world's text alone.",
    ),
    Shipped(
        "mini-ella",
        "connector",
        "run",
        ("ella.safetensors", "ella.json"),
        (Log("connector/run/log.jsonl", connector.SEED),),
        "ELLA's connector between mini-t5 and mini-sd15's U-Net, on dense captions, by `ella train`.",
    ),
    Shipped(
        "mini-mplug",
        "final-judge",
        ".",
        FILES,
        (Log("judge/log.csv", judge.SCHEDULE.seed), Log("final-judge/log.csv", FINE_TUNING.seed)),
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
    megabytes = sum(path.stat().st_size for shipped in SHIPPED for path in _copied(shipped, stages)) / 1e6
    if megabytes > MOST_MEGABYTES:
        raise BadInputError(f"What would ship of {stages} has {megabytes:.1f} MB; it may have {MOST_MEGABYTES}.")
    for shipped in SHIPPED:
        own = weights / shipped.name
        shutil.rmtree(own, ignore_errors=True)
        for path, name in _copied(shipped, stages).items():
            target = own / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
        write_atomic(own / "README.md", _card(shipped, stages, hardware).encode())


def _copied(shipped: Shipped, stages: Path) -> Mapping[Path, Path]:
    source = stages / shipped.stage / shipped.folder
    models = sorted({path for pattern in shipped.patterns for path in source.glob(pattern)})
    return {path: path.relative_to(source) for path in models} | {
        stages / log.path: Path(log.name) for log in shipped.logs
    }


def _card(shipped: Shipped, stages: Path, hardware: str) -> str:
    lines = [f"# {shipped.name}", "", shipped.about, "", "Data: scenes of `dpg_bench.miniature`, none held out.", ""]
    lines += [_trained(log, _rows(stages / log.path)) for log in shipped.logs]
    lines += [
        "",
        f"Hardware: {hardware}.",
        "Schedules: `dpg_bench.miniature.train`. What it comes to: `docs/miniature.md`.",
        "",
    ]
    return "\n".join(lines)


def _trained(log: Log, rows: Sequence[Mapping[str, Any]]) -> str:
    last = rows[-1]
    known = ("step", "seconds", "learning_rate", "grad_norm", "images_per_second")
    figures = ", ".join(f"{name} {float(value):.3g}" for name, value in last.items() if name not in known)
    seconds = last["seconds"] if "seconds" in last else round(_seconds(rows))
    return (
        f"- Stage `{log.stage}`, seed {log.seed}: {last['step']} steps in {seconds} s; at the end {figures} "
        f"(`{log.name}`)."
    )


def _seconds(rows: Sequence[Mapping[str, Any]]) -> float:
    """What the rows of `ella train` took, each by its rate; what it encoded before the first step isn't in them."""
    before = [0, *(row["step"] for row in rows)]
    seconds: float = sum(
        (row["step"] - step) * connector.BATCH / row["images_per_second"]
        for step, row in zip(before, rows, strict=False)
    )
    return seconds


def _rows(log: Path) -> Sequence[Mapping[str, Any]]:
    lines = log.read_text(encoding="utf-8").splitlines()
    if log.suffix == ".jsonl":
        rows = [json.loads(line) for line in lines]
        return [{name: value for name, value in row.items() if value is not None} for row in rows]
    return list(csv.DictReader(lines))
