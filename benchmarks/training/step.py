"""Images per second of training a connector against the floor, forward and backward of the U-Net alone.

    python -m benchmarks.training.step            full size, random weights, nothing downloaded; wants a CUDA GPU
    python -m benchmarks.training.step --toy      toy sizes on a CPU, one thread

The floor has latents, timesteps and condition ready and takes the gradient to the condition. Training is the product's
own (`ella_models.training.train`), from precomputed features and from images; the sides take turns.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from diffusers import UNet2DConditionModel
from PIL import Image

from benchmarks.generation.parts import full_parts, toy_parts
from benchmarks.material import made_up_prompt
from benchmarks.measuring import describe_machine
from dpg_bench.generate.base import GeneratorSettings
from dpg_bench.generate.models.ella import EllaOptions
from dpg_bench.hub.remarks import quiet_libraries
from ella_models import ConnectorConfig
from ella_models.training import TrainingConfig, TrainingStep, precompute, train

FLOOR, READY, RAW = "U-Net alone, forward and backward", "training, precomputed", "training, from images"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True, slots=True)
class Work:
    """What every side does: `steps` steps of `batch` images."""

    folder: Path
    batch: int
    steps: int
    pixels: int
    precision: str
    toy: bool
    compiled: bool
    sizes: ConnectorConfig

    @property
    def first(self) -> int:
        """The step after which time is measured, and which a log line ends, so that all work before it is done."""
        return max(1, self.steps // 4)

    @property
    def last(self) -> int:
        """The step up to which time is measured."""
        return 3 * self.first

    def clock(self) -> float:
        """Seconds: of the processor for toys, since machines are shared; else of the wall."""
        return time.process_time() if self.toy else time.perf_counter()

    def speed(self, at: dict[int, float]) -> float:
        """Images per second between the two steps."""
        return self.batch * (self.last - self.first) / (at[self.last] - at[self.first])

    def config(self, name: str, *, precomputed: bool) -> TrainingConfig:
        """A run's configuration."""
        connector = {} if not self.toy else self.sizes
        data: dict[str, Any] = {"folder": self.folder / "pairs", "resolution": self.pixels, "shard_pairs": 64}
        if precomputed:
            data["precomputed"] = self.folder / "features"
        told = {
            "output": self.folder / name,
            "base": str(self.folder / "base"),
            "text_encoder": str(self.folder / "t5"),
            "connector": {
                key: getattr(connector, key)
                for key in ("layers", "heads", "num_latents", "time_channel", "time_embed_dim")
            }
            if self.toy
            else {},
            "data": data,
            "steps": self.steps,
            "batch_size": self.batch,
            "precision": self.precision,
            "compile": self.compiled,
            "log_every": self.first,
            "checkpoint_every": self.steps,
            "device": "cpu" if self.toy else "auto",
        }
        return TrainingConfig.model_validate(told)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--toy", action="store_true", help="toy sizes on a CPU")
    parser.add_argument("--precision", choices=list(DTYPES), help="bfloat16 by default, float32 of toys")
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--steps", type=int, default=24, help="per side and repeat; the middle half counts")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--compile", action="store_true", help="with a compiled U-Net, on every side")
    arguments = parser.parse_args()
    if not arguments.toy and not torch.cuda.is_available():
        parser.error("full size wants a CUDA GPU; --toy runs on a CPU.")
    if arguments.toy:
        torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary, quiet_libraries():
        work = prepare(arguments, Path(temporary))
        unet = UNet2DConditionModel.from_pretrained(work.folder / "base", subfolder="unet").requires_grad_(False)
        sides: dict[str, Callable[[int], float]] = {
            FLOOR: lambda _: floor(unet, work),
            READY: lambda k: trained(work, work.config(f"ready{k}", precomputed=True)),
            RAW: lambda k: trained(work, work.config(f"raw{k}", precomputed=False)),
        }
        speeds: dict[str, list[float]] = {name: [] for name in sides}
        for repeat in range(arguments.repeats):
            for name, side in sides.items():
                speeds[name].append(side(repeat))
    print(describe_machine())
    print(*report(work, speeds, arguments.repeats), sep="\n")


def prepare(arguments: argparse.Namespace, folder: Path) -> Work:
    """Write models and pairs, and precompute the pairs' features."""
    device = "cpu" if arguments.toy else "cuda"
    pixels = 64 if arguments.toy else 512
    settings = GeneratorSettings(
        "ella-sd15", EllaOptions(), size=pixels, steps=10, guidance=12.0, device=device, dtype="float32"
    )
    parts = toy_parts(settings) if arguments.toy else full_parts(settings)
    parts.base.save_pretrained(folder / "base")
    parts.ella.text_encoder.save_pretrained(folder / "t5")
    parts.ella.tokenizer.save_pretrained(folder / "t5")
    sizes = parts.ella.connector.sizes
    del parts
    (folder / "pairs").mkdir()
    rng = random.Random(0)
    for number in range(2 * arguments.batch):
        noise = torch.randint(0, 256, (pixels + 40, pixels + 8, 3), dtype=torch.uint8)
        Image.fromarray(noise.numpy()).save(folder / "pairs" / f"{number}.jpg", quality=90)
        (folder / "pairs" / f"{number}.txt").write_text(made_up_prompt(rng), encoding="utf-8")
    precision = arguments.precision or ("float32" if arguments.toy else "bfloat16")
    work = Work(folder, arguments.batch, arguments.steps, pixels, precision, arguments.toy, arguments.compile, sizes)
    started = time.perf_counter()
    precompute(work.config("none", precomputed=True))
    seconds = time.perf_counter() - started
    print(f"precompute: {2 * arguments.batch} pairs in {seconds:.1f} s, loading included")
    return work


def floor(unet: UNet2DConditionModel, work: Work) -> float:
    """Images per second of the U-Net's forward and backward, in the middle half of the steps."""
    device = torch.device("cpu" if work.toy else "cuda")
    dtype = DTYPES[work.precision]
    frozen: Any = unet.to(device, dtype)
    called = torch.compile(frozen) if work.compiled else frozen
    tokens, width = work.sizes.num_latents, work.sizes.width
    latents = torch.randn(work.batch, 4, work.pixels // 8, work.pixels // 8, device=device)
    condition = torch.randn(work.batch, tokens, width, device=device, requires_grad=True)
    timesteps = torch.randint(0, 1000, (work.batch,), device=device)
    cast = nullcontext() if dtype == torch.float32 else torch.autocast(device.type, dtype)
    at: dict[int, float] = {}
    for step in range(1, work.last + 1):
        with cast:
            predicted = called(latents, timesteps, encoder_hidden_states=condition, return_dict=False)[0]
            predicted.float().square().mean().backward()
        if step in {work.first, work.last}:
            if device.type == "cuda":
                torch.cuda.synchronize()
            at[step] = work.clock()
    return work.speed(at)


def trained(work: Work, config: TrainingConfig) -> float:
    """Images per second of a training run, in the middle half of its steps."""
    at: dict[int, float] = {}

    def note(step: TrainingStep) -> None:
        if step.step in {work.first, work.last}:
            at[step.step] = work.clock()

    train(config, report=note)
    return work.speed(at)


def report(work: Work, speeds: dict[str, list[float]], repeats: int) -> Iterator[str]:
    seconds = "processor seconds" if work.toy else "seconds"
    yield (
        f"{work.steps} steps of {work.batch} images of {work.pixels} px, {work.precision}"
        f"{', compiled' if work.compiled else ''}, {work.sizes.num_latents} tokens; median of {repeats} repeats in turn, {seconds}"
    )
    yield ""
    middle = {name: statistics.median(some) for name, some in speeds.items()}
    for name, speed in middle.items():
        yield f"{name:<36} {speed:8.2f} images/s   {speed / middle[FLOOR]:.2f} of the floor"


if __name__ == "__main__":
    main()
