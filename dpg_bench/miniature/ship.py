"""What ships of the stages' folders: the finished models in float16, each with a card that says how it was made."""

from __future__ import annotations

import csv
import shutil
from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import write_atomic
from dpg_bench.judge.mplug.checkpoint import FILES
from dpg_bench.miniature.train.stages import DONE

MOST_MEGABYTES = 25


@dataclass(frozen=True, slots=True)
class Shipped:
    """A folder of weights: which stage's files it has (`patterns` in `folder`), and what its card says of it."""

    name: str
    stage: str
    folder: str
    patterns: tuple[str, ...]
    about: str


SHIPPED = (
    Shipped(
        "mini-sd15",
        "diffusion",
        "model",
        ("*.json", "*/*.json", "*/*.safetensors"),
        "Stable Diffusion's pipeline: U-Net and CLIP text encoder on short captions, and the autoencoder.",
    ),
    Shipped("mini-t5", "t5", "model", ("*.json", "*.safetensors"), "A T5 encoder, on the world's text alone."),
    Shipped(
        "mini-ella",
        "connector",
        "run",
        ("ella.safetensors", "ella.json"),
        "ELLA's connector between mini-t5 and mini-sd15's U-Net, on dense captions.",
    ),
    Shipped("mini-mplug", "final-judge", ".", FILES, "mPLUG VQA, on pictures and questions drawn anew at every step."),
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
        write_atomic(own / "README.md", _card(shipped, stages, hardware).encode())
    megabytes = sum(path.stat().st_size for path in weights.rglob("*") if path.is_file()) / 1e6
    if megabytes > MOST_MEGABYTES:
        raise BadInputError(f"{weights} has {megabytes:.1f} MB; all weights together may have {MOST_MEGABYTES}.")


def _card(shipped: Shipped, stages: Path, hardware: str) -> str:
    lines = [f"# {shipped.name}", "", shipped.about, "", "Data: scenes of `dpg_bench.miniature`, none held out."]
    log = stages / shipped.stage / "log.csv"
    if log.is_file():
        with log.open(encoding="utf-8", newline="") as file:
            last = list(csv.DictReader(file))[-1]
        figures = ", ".join(f"{name} {value}" for name, value in last.items() if name not in ("step", "seconds"))
        lines.append(f"Training: {last['step']} steps in {last['seconds']} s on {hardware}; at the end {figures}.")
    lines += [f"Seeds and schedule: `dpg_bench.miniature.train`, stage `{shipped.stage}`.", ""]
    return "\n".join(lines)
