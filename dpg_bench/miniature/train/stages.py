"""The stages of the miniature's training, in order. Each leaves its models in a folder of its own, and is then done."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

from dpg_bench.errors import BadInputError, unknown_name
from dpg_bench.files.durable import write_json
from dpg_bench.files.reading import read_content, read_json
from dpg_bench.miniature.train import connector, diffusion, judge, latents, t5, text_tokenizers, vae
from dpg_bench.miniature.train.corpus import captions
from dpg_bench.miniature.train.loop import Schedule, load_average, train

DONE = "done.json"
_BEGUN = "effort.json"
_FINE_TUNING = Schedule(seed=111, steps=300, learning_rate=1e-4, warmup=30, average=0.99)
_FINE_TUNING_IMAGES = 24


@dataclass(frozen=True, slots=True)
class Size:
    """How many steps a stage is trained, and what each is shown: pictures, captions or pairs.

    With `bfloat16` it is computed in that, where the device has instructions for it.
    """

    steps: int
    batch: int
    bfloat16: bool = False


@dataclass(frozen=True, slots=True)
class Effort:
    """Where and how much is trained. `workers` processes draw what each stage is shown.

    `sizes` names the stages that are trained otherwise than in full.
    """

    device: str = "cpu"
    workers: int = 0
    sizes: Mapping[str, Size] = field(default_factory=dict)
    captions: int = text_tokenizers.CAPTIONS
    scenes: int = latents.SCENES
    pairs: int = connector.PAIRS

    def amounts(self) -> dict[str, Any]:
        """How much is trained, which must not change between the stages of a folder."""
        return {name: value for name, value in asdict(self).items() if name not in ("device", "workers")}

    def schedule(self, stage: str, full: Schedule) -> Schedule:
        """The schedule of a stage."""
        size = self.sizes.get(stage)
        return full if size is None else replace(full, steps=size.steps, bfloat16=self.in_bfloat16(size))

    def in_bfloat16(self, size: Size) -> bool:
        """Whether a stage of that size is computed in bfloat16. Emulated, a step takes three times float32's time."""
        return size.bfloat16 and has_bfloat16(self.device)

    def batch(self, stage: str, full: int) -> int:
        """What a step of a stage is shown."""
        return self.sizes[stage].batch if stage in self.sizes else full


def has_bfloat16(device: str) -> bool:
    """Whether a device has instructions for bfloat16. Of a processor, a torch that can't tell is taken to say no."""
    if device.startswith("cuda"):
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    told = torch.cpu.get_capabilities() if hasattr(torch.cpu, "get_capabilities") else {}
    return bool(told.get("avx512_bf16") or told.get("amx_bf16"))


SMALL = Effort(
    sizes={
        "judge": Size(steps=3600, batch=64),
        "vae": Size(steps=2400, batch=16, bfloat16=True),
        "diffusion": Size(steps=12_000, batch=24, bfloat16=True),
        "t5": Size(steps=2800, batch=32, bfloat16=True),
        "connector": Size(steps=2500, batch=24, bfloat16=True),
        "final-judge": Size(steps=800, batch=24),
    },
    scenes=30_000,
)
"""Meant for three hours of two cores that have bfloat16. The U-Net's error falls most in many small steps, though it
hardly comes to read captions; the judge doesn't begin to look with fewer pictures than these."""


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
        Raises BadInputError for a name that no stage has, for a stage whose predecessors aren't done, and for a folder
        whose stages were begun with another effort.
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
        _begin(out, effort)
        own.mkdir(parents=True, exist_ok=True)
        if not stage.make(out, own, effort):
            return stage.name
        write_json(own / DONE, {"stage": stage.name})
    return None


def _begin(out: Path, effort: Effort) -> None:
    out.mkdir(parents=True, exist_ok=True)
    begun = out / _BEGUN
    if not begun.is_file():
        write_json(begun, effort.amounts())
    elif read_json(read_content(begun), str(begun)) != effort.amounts():
        raise BadInputError(
            f"The stages in {out} were begun with another effort (see {begun}), and would be mixed with this one. "
            "Go on with the options they were begun with (--small or not), or name another folder."
        )


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


def _diffusion(out: Path, own: Path, effort: Effort) -> bool:
    task = diffusion.DiffusionTask(
        out / "tokenizers" / "clip",
        out / "latents",
        images=effort.batch("diffusion", diffusion.IMAGES),
        scenes=effort.scenes,
        device=effort.device,
    )
    finished = train(task, effort.schedule("diffusion", diffusion.SCHEDULE), own, workers=effort.workers)
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
        out / "diffusion" / "model",
        out / "t5" / "model",
        out / "pairs",
        own,
        steps=size.steps,
        batch=size.batch,
        bfloat16=effort.in_bfloat16(size),
        device=effort.device,
    )


def _final_judge(out: Path, own: Path, effort: Effort) -> bool:
    from diffusers import StableDiffusionPipeline

    from dpg_bench.miniature.train.reworked import Reworked

    base = out / "diffusion" / "model"
    pipeline: Any = StableDiffusionPipeline.from_pretrained(base, safety_checker=None, dtype=torch.float32)
    task = judge.JudgeTask(
        own,
        schedule=_FINE_TUNING,
        images=effort.batch("final-judge", _FINE_TUNING_IMAGES),
        device=effort.device,
        through=Reworked(pipeline.to(effort.device)),
    )
    load_average(task.trained, out / "judge")
    finished = train(task, effort.schedule("final-judge", _FINE_TUNING), own, workers=effort.workers)
    if finished:
        task.export(own)
    return finished


def _load_vae(out: Path) -> Any:
    from diffusers import AutoencoderKL

    return AutoencoderKL.from_pretrained(out / "vae" / "model").float().eval()


STAGES = (
    Stage("judge", _judge),
    Stage("tokenizers", _tokenizers),
    Stage("vae", _vae),
    Stage("latents", _latents, ("vae",)),
    Stage("diffusion", _diffusion, ("tokenizers", "vae", "latents")),
    Stage("t5", _t5, ("tokenizers",)),
    Stage("pairs", _pairs),
    Stage("connector", _connector, ("diffusion", "t5", "pairs")),
    Stage("final-judge", _final_judge, ("judge", "diffusion")),
)
