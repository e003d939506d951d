"""The stages of the miniature's training, in order. Each leaves what the next ones read in a folder of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from dpg_bench.errors import BadInputError, unknown_name
from dpg_bench.files.durable import write_json
from dpg_bench.miniature.train import connector, judge, latents, pipeline, t5, text_tokenizers, unet, vae
from dpg_bench.miniature.train.corpus import captions
from dpg_bench.miniature.train.loop import Schedule, load_average, train

DONE = "done.json"
FINE_TUNING = Schedule(seed=111, steps=900, learning_rate=1e-4, warmup=30, average=0.99)
_FINE_TUNING_IMAGES = 24


@dataclass(frozen=True, slots=True)
class Size:
    """How many steps a stage is trained, and what each is shown: pictures, captions or pairs."""

    steps: int
    batch: int


@dataclass(frozen=True, slots=True)
class Effort:
    """Where and how much is trained. `workers` processes draw what each stage is shown.

    `sizes` names the stages that are trained otherwise than they are meant to be.
    """

    device: str = "cpu"
    workers: int = 0
    sizes: Mapping[str, Size] = field(default_factory=dict)
    captions: int = text_tokenizers.CAPTIONS
    scenes: int = latents.SCENES
    pairs: int = connector.PAIRS

    def schedule(self, stage: str, meant: Schedule) -> Schedule:
        """The schedule of a stage."""
        return replace(meant, steps=self.sizes[stage].steps) if stage in self.sizes else meant

    def batch(self, stage: str, meant: int) -> int:
        """What a step of a stage is shown."""
        return self.sizes[stage].batch if stage in self.sizes else meant


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: `make` takes the folder of all stages, its own, and the effort; it goes on where it was stopped.

    It returns whether it is finished, which it isn't if it was asked to stop.
        `needs` names the stages whose folders it reads.
    """

    name: str
    make: Callable[[Path, Path, Effort], bool]
    needs: tuple[str, ...] = ()


def make_stages(out: Path, names: tuple[str, ...], *, effort: Effort | None = None) -> str | None:
    """Make the stages called `names`, or all, in folders of `out`; what is done is left as it is.

    Ends at a stage that was asked to stop, and names it; None if all are done.
        Raises BadInputError for a name that no stage has, and for a stage whose predecessors aren't done.
    """
    effort = effort or Effort()
    if effort.device != "cpu":
        torch.set_float32_matmul_precision("high")  # a GPU's TF32, several times as fast and exact enough to train with
    known = {stage.name: stage for stage in STAGES}
    for name in names:
        if name not in known:
            raise unknown_name("stage", name, known)
    for stage in STAGES:
        own = out / stage.name
        if (names and stage.name not in names) or (own / DONE).is_file():
            continue
        for needed in stage.needs:
            if not (out / needed / DONE).is_file():
                raise BadInputError(
                    f"The stage '{stage.name}' needs '{needed}', which isn't done in {out}. Make that stage first."
                )
        own.mkdir(parents=True, exist_ok=True)
        if not stage.make(out, own, effort):
            return stage.name
        write_json(own / DONE, {"stage": stage.name})
    return None


def _tokenizers(_: Path, own: Path, effort: Effort) -> bool:
    texts = list(captions("tokenizers", effort.captions))
    text_tokenizers.write_clip_tokenizer(texts, own / "clip")
    text_tokenizers.write_t5_tokenizer(texts, own / "t5")
    return True


def _judge(_: Path, own: Path, effort: Effort) -> bool:
    task = judge.JudgeTask(own, images=effort.batch("judge", judge.IMAGES), device=effort.device)
    finished = train(task, effort.schedule("judge", judge.SCHEDULE), own, workers=effort.workers)
    if finished:
        task.export(own)
    return finished


def _vae(_: Path, own: Path, effort: Effort) -> bool:
    task = vae.VaeTask(images=effort.batch("vae", vae.IMAGES), device=effort.device)
    finished = train(task, effort.schedule("vae", vae.SCHEDULE), own, workers=effort.workers)
    if finished:
        task.export(own / "model")
    return finished


def _latents(out: Path, own: Path, effort: Effort) -> bool:
    latents.write_latents(_load_vae(out).to(effort.device), own, scenes=effort.scenes, workers=effort.workers)
    return True


def _unet(out: Path, own: Path, effort: Effort) -> bool:
    task = unet.UNetTask(
        out / "latents", images=effort.batch("unet", unet.IMAGES), scenes=effort.scenes, device=effort.device
    )
    return train(task, effort.schedule("unet", unet.SCHEDULE), own, workers=effort.workers)


def _pipeline(out: Path, own: Path, effort: Effort) -> bool:
    task = pipeline.TextEncoderTask(
        out / "tokenizers" / "clip",
        _load_unet(out, effort),
        images=effort.batch("pipeline", pipeline.IMAGES),
    )
    finished = train(task, effort.schedule("pipeline", pipeline.SCHEDULE), own, workers=effort.workers)
    if finished:
        task.export(_load_vae(out), own / "model")
    return finished


def _t5(out: Path, own: Path, effort: Effort) -> bool:
    task = t5.T5Task(out / "tokenizers" / "t5", captions=effort.batch("t5", t5.CAPTIONS), device=effort.device)
    finished = train(task, effort.schedule("t5", t5.SCHEDULE), own, workers=effort.workers)
    if finished:
        task.export(own / "model")
    return finished


def _pairs(_: Path, own: Path, effort: Effort) -> bool:
    connector.write_pairs(own, pairs=effort.pairs, workers=effort.workers)
    return True


def _connector(out: Path, own: Path, effort: Effort) -> bool:
    size = effort.sizes.get("connector", Size(steps=connector.STEPS, batch=connector.BATCH))
    return connector.train_connector(
        out / "pipeline" / "model",
        out / "t5" / "model",
        out / "pairs",
        own,
        steps=size.steps,
        batch=size.batch,
        device=effort.device,
    )


def _final_judge(out: Path, own: Path, effort: Effort) -> bool:
    from dpg_bench.miniature.train.reworked import Reworked

    task = judge.JudgeTask(
        own,
        schedule=FINE_TUNING,
        images=effort.batch("final-judge", _FINE_TUNING_IMAGES),
        device=effort.device,
        through=Reworked(_load_vae(out).to(effort.device), _load_unet(out, effort)),
    )
    load_average(task.trained, out / "judge")
    finished = train(task, effort.schedule("final-judge", FINE_TUNING), own, workers=effort.workers)
    if finished:
        task.export(own)
    return finished


def _load_vae(out: Path) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL.from_pretrained(out / "vae" / "model").float().eval()


def _load_unet(out: Path, effort: Effort) -> unet.UNetTask:
    task = unet.UNetTask(out / "latents", scenes=effort.scenes, device=effort.device)
    load_average(task.trained, out / "unet")
    return task


STAGES = (
    Stage("judge", _judge),
    Stage("tokenizers", _tokenizers),
    Stage("vae", _vae),
    Stage("latents", _latents, ("vae",)),
    Stage("unet", _unet, ("latents",)),
    Stage("pipeline", _pipeline, ("tokenizers", "vae", "latents", "unet")),
    Stage("t5", _t5, ("tokenizers",)),
    Stage("pairs", _pairs),
    Stage("connector", _connector, ("pipeline", "t5", "pairs")),
    Stage("final-judge", _final_judge, ("judge", "vae", "latents", "unet")),
)
