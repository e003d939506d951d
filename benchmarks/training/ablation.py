"""The paper's ablation of connectors (arXiv 2403.05135, table 6) in the miniature world.

    python -m benchmarks.training.ablation train     trains each connector with each seed; goes on where it was stopped
    python -m benchmarks.training.ablation score     draws and judges the suite `miniature` with each
    python -m benchmarks.training.ablation table     the table, beside the paper's

All have the same frozen U-Net and text encoder, the same pairs and the same budget, by `ella train`, and the paper's
numbers of blocks at the miniature's width. CLIP alone is `mini-sd15`, whose text encoder was trained in front of it.
Beside the judge's score stands a measure that needs no judge: the loss on pairs never trained on, that is, how well
the noise over the true picture is told from its caption.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from multiprocessing.pool import ThreadPool
from pathlib import Path
from typing import Any

import torch
import yaml

from benchmarks.measuring import describe_machine
from dpg_bench.errors import BadInputError
from dpg_bench.generate.models.mini import MINI_ELLA_SD15
from dpg_bench.miniature.train.connector import SIZES, connector_settings, write_pairs
from dpg_bench.score.scorecard import read_scorecard
from ella_models import load_connector
from ella_models.training import TrainingConfig, precompute

PAPER = {"mlp": 62.55, "resampler-1": 66.39, "resampler-6": 70.27, "adaln-zero": 70.43, "tsc": 72.91}
"""DPG-Bench on TinyLlama, table 6."""

PAPER_CLIP = 63.18
PROTOCOLS = ("corrected", "official")
SEEDS = (90, 91, 92)
HELD_OUT = 512
STEPS, BATCH = 3000, 32
WEIGHTS = Path("weights")

Job = list[list[str]]
"""Commands, one after another."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A connector of the ablation, and the folder of everything about all of them."""

    out: Path
    preset: str
    seed: int

    @property
    def name(self) -> str:
        """Of its folders."""
        return f"{self.preset}-seed{self.seed}"

    @property
    def run(self) -> Path:
        """Its training's folder."""
        return self.out / "trained" / self.name

    @property
    def images(self) -> Path:
        """The run folder of its images and their score."""
        return self.out / "scored" / self.name


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["train", "score", "table"])
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--device", default="cpu", help="cpu or cuda")
    parser.add_argument("--at-once", type=int, default=1, help="how many processes side by side")
    parser.add_argument("--workers", type=int, default=0, help="processes that draw the pairs")
    parser.add_argument("--steps", type=int, default=STEPS, help="of each training")
    parser.add_argument("--limit", type=int, help="score the suite's first so many prompts alone")
    arguments = parser.parse_args()
    trained = [Trained(arguments.out, preset, seed) for seed in SEEDS for preset in PAPER]
    if arguments.step == "train":
        print(describe_machine())
        train(trained, arguments)
    elif arguments.step == "score":
        print(describe_machine())
        do_all(list(scoring(trained, arguments)), arguments.at_once)
    else:
        try:
            print(table(trained, arguments.out))
        except BadInputError as error:
            parser.error(f"{error} The steps 'train' and 'score' come first.")


def train(trained: Sequence[Trained], arguments: argparse.Namespace) -> None:
    out: Path = arguments.out
    write_pairs(out / "pairs", workers=arguments.workers)
    if arguments.device != "cpu":
        torch.set_float32_matmul_precision("high")
    configs = [settings(one, arguments) for one in trained]
    precompute(configs[0])
    jobs: list[Job] = []
    for one, config in zip(trained, configs, strict=True):
        file = out / "configs" / f"{one.name}.yaml"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(config.model_dump(mode="json")), encoding="utf-8")
        jobs.append([[sys.executable, "-m", "ella_models.training", "train", "--config", str(file)]])
    do_all(jobs, arguments.at_once)


def settings(one: Trained, arguments: argparse.Namespace) -> TrainingConfig:
    """The settings of the miniature's connector, but its kind, its seed and length, and with pairs held out."""
    base: dict[str, Any] = connector_settings(
        WEIGHTS / "mini-sd15", WEIGHTS / "mini-t5", one.out / "pairs", one.out, device=arguments.device
    )
    sizes = {} if one.preset == "mlp" else SIZES if one.preset in {"adaln-zero", "tsc"} else _timeless(SIZES)
    changed = {
        "output": one.run,
        "connector": {"preset": one.preset} | sizes,
        "seed": one.seed,
        "validation": {"every": 500, "hold_out": HELD_OUT},
        "steps": arguments.steps,
        "batch_size": BATCH,
    }
    return TrainingConfig.model_validate(base | changed)


def _timeless(sizes: dict[str, int]) -> dict[str, int]:
    return {name: size for name, size in sizes.items() if not name.startswith("time")}


def scoring(trained: Sequence[Trained], arguments: argparse.Namespace) -> Iterator[Job]:
    """What draws and judges, for each folder of images."""
    own = MINI_ELLA_SD15.defaults
    sampling = ["--size", f"{own.size}", "--steps", f"{own.steps}", "--guidance", f"{own.guidance}"]
    limit = [] if arguments.limit is None else ["--limit", str(arguments.limit)]
    for one in trained:
        options = [
            f"base={WEIGHTS / 'mini-sd15'}",
            f"text_encoder={WEIGHTS / 'mini-t5'}",
            f"ella={one.run / 'ella.safetensors'}",
        ]
        given = [part for option in options for part in ("--model-option", option)]
        yield _drawn_and_judged(["--model", "ella-sd15", *given, *sampling, *limit], one.images)
    yield _drawn_and_judged(["--model", "mini-sd15", *limit], clip_images(arguments.out))


def _drawn_and_judged(model: Sequence[str], folder: Path) -> Job:
    own = [sys.executable, "-m", "dpg_bench"]
    return [
        [*own, "run", *model, "--suite", "miniature", "--device", "cpu", "--out", str(folder)],
        [*own, "score", str(folder), "--judge", "mini-mplug", "--device", "cpu"],
    ]


def clip_images(out: Path) -> Path:
    """The run folder of the images of CLIP alone."""
    return out / "scored" / "clip"


def do_all(jobs: Sequence[Job], at_once: int) -> None:
    """Run the jobs, so many side by side, each command on one thread."""
    environment = os.environ | {"OMP_NUM_THREADS": "1"}

    def do(job: Job) -> None:
        for command in job:
            subprocess.run(command, check=True, env=environment, stdout=subprocess.DEVNULL)

    with ThreadPool(at_once) as pool:
        pool.map(do, jobs, chunksize=1)


def table(trained: Sequence[Trained], out: Path) -> str:
    """Markdown: the scores over the seeds, lowest and highest beside their mean, and the loss on pairs held out."""
    lines = [
        "| connector | parameters | corrected (3 seeds) | official | held-out loss × 1000 | paper, DPG-Bench |",
        "| --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    clip = [f"{_overall(clip_images(out), protocol):.2f}" for protocol in PROTOCOLS]
    lines.append(f"| CLIP alone | | {' | '.join(clip)} | | {PAPER_CLIP} |")
    for preset, paper in PAPER.items():
        own = [one for one in trained if one.preset == preset]
        losses = [1000 * _held_out_loss(one.run) for one in own]
        size = sum(weight.numel() for weight in load_connector(own[0].run / "ella.safetensors").parameters())
        cells = [
            preset,
            f"{size:,}",
            *(_spread([_overall(one.images, protocol) for one in own]) for protocol in PROTOCOLS),
            _spread(losses),
            f"{paper}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _overall(run: Path, protocol: str) -> float:
    overall = read_scorecard(run / "judgements" / "mini-mplug" / "scorecard.json")[protocol].overall
    assert overall is not None  # the run is complete
    return overall


def _held_out_loss(run: Path) -> float:
    last = json.loads((run / "log.jsonl").read_text(encoding="utf-8").splitlines()[-1])
    return float(last["validation_loss"])


def _spread(values: Sequence[float]) -> str:
    return f"{statistics.mean(values):.2f} ({min(values):.2f} to {max(values):.2f})"


if __name__ == "__main__":
    main()
