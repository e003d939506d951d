"""What a precision does to the answers: each against float32 on the same device.

    python -m benchmarks.judge.precision GOLDEN                 the three golden checkpoints (GOLDEN/mplug/<case>)
    python -m benchmarks.judge.precision GOLDEN --full          and the full-size model with random weights
    python -m benchmarks.judge.precision --full --device cuda   on a GPU

Each golden checkpoint is asked its own 162 questions, and then made-up ones about made-up images ("+ more"). On a CPU
TF32 is emulated (see `rounded_products.py`). Prints, per checkpoint and precision, the share of answers that change,
and by how much the overall score changes: the mean over the images of the share of yes (these questions have no
parents). The rule for the default on GPUs: the fastest precision that changes fewer than 1 answer in 1000.
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.judge.material import FULL, ask, make_tile, write_checkpoint
from benchmarks.judge.rounded_products import TruncatedProducts
from benchmarks.measuring import describe_machine
from dpg_bench.judge.mplug.checkpoint import Checkpoint
from dpg_bench.judge.mplug.judge import MplugJudge

CASES = ("no_concat", "same_width", "concat_every_2")
PRECISIONS = ("tf32x3", "tf32", "float16", "bfloat16")
MORE_IMAGES, MORE_QUESTIONS = 40, 50
FULL_QUESTIONS = 100
"""Questions about each image of the full-size model: the image costs most, and its answers differ."""


@dataclass(frozen=True, slots=True)
class Exam:
    """A checkpoint, and images with the questions about each."""

    name: str
    checkpoint: Path
    images: Sequence[Image.Image]
    questions: Sequence[Sequence[str]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("golden", type=Path, nargs="?", help="the folder of golden data; without it, --full alone")
    parser.add_argument("--full", action="store_true", help="the full-size model with random weights")
    parser.add_argument("--images", type=int, help="of the full-size model: 16 on a CPU, 256 on a GPU by default")
    parser.add_argument("--dtype", nargs="+", choices=PRECISIONS, default=PRECISIONS, help="those to measure")
    parser.add_argument("--device", default="cpu")
    arguments = parser.parse_args()
    if not (arguments.golden or arguments.full):
        parser.error("there is nothing to measure: name the folder of golden data, or --full.")
    if arguments.golden and not (arguments.golden / "mplug").is_dir():
        parser.error(f"{arguments.golden} is not the folder of golden data: it holds no folder 'mplug'.")
    print(describe_machine())
    print(f"{'checkpoint':24}{'precision':12}{'answers':>8}{'changed':>9}{'share':>9}{'score':>9}{'by':>9}")
    for case in CASES if arguments.golden else ():
        exam = golden_exam(arguments.golden / "mplug" / case)
        measure(exam, arguments.device, arguments.dtype)
        measure(larger_exam(exam), arguments.device, arguments.dtype)
    if arguments.full:
        images = arguments.images or (16 if arguments.device == "cpu" else 256)
        with tempfile.TemporaryDirectory() as folder:
            checkpoint = write_checkpoint(Path(folder) / "checkpoint", FULL, device=arguments.device)
            measure(full_exam(checkpoint, images), arguments.device, arguments.dtype)


def golden_exam(folder: Path) -> Exam:
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    images = [Image.open(folder / "images" / name) for name in expected["images"]]
    questions = [[a["question"] for a in expected["answers"] if a["image"] == number] for number in range(len(images))]
    return Exam(folder.name, folder / "checkpoint", images, questions)


def larger_exam(exam: Exam) -> Exam:
    """Other images for the same checkpoint, and questions out of the words of its own."""
    rng = random.Random(0)
    words = sorted({word for asked in exam.questions for text in asked for word in text.rstrip("?").split()})
    texts = [
        [f"{' '.join(rng.choices(words, k=rng.randint(3, 10)))}?" for _ in range(MORE_QUESTIONS)]
        for _ in range(MORE_IMAGES)
    ]
    images = [make_tile(256, seed) for seed in range(MORE_IMAGES)]
    return Exam(f"{exam.name} + more", exam.checkpoint, images, texts)


def full_exam(checkpoint: Path, images: int) -> Exam:
    rng = random.Random(0)
    questions = [[ask(rng) for _ in range(FULL_QUESTIONS)] for _ in range(images)]
    return Exam("full size", checkpoint, [make_tile(FULL.vision.image_res, seed) for seed in range(images)], questions)


def measure(exam: Exam, device: str, precisions: Sequence[str]) -> None:
    truth = answers(exam, device, "float32")
    print(row(exam.name, "float32", truth, truth), flush=True)
    for precision in precisions:
        print(row(exam.name, precision, answers(exam, device, precision), truth), flush=True)


def row(name: str, precision: str, found: Sequence[Sequence[str]], truth: Sequence[Sequence[str]]) -> str:
    pairs = [pair for mine, theirs in zip(found, truth, strict=True) for pair in zip(mine, theirs, strict=True)]
    changed = sum(mine != theirs for mine, theirs in pairs)
    share, by = changed / len(pairs), score(found) - score(truth)
    return f"{name:24}{precision:12}{len(pairs):8}{changed:9}{share:9.3%}{score(found):9.2f}{by:+9.2f}"


def answers(exam: Exam, device: str, precision: str) -> list[list[str]]:
    judge = MplugJudge(Checkpoint(exam.checkpoint, "benchmark", None, {}), device=device, dtype=precision)
    pixels = [np.asarray(judge.preprocess(image)) for image in exam.images]
    emulated = device == "cpu" and precision in ("tf32", "tf32x3")
    with TruncatedProducts(addmm_only=precision == "tf32x3") if emulated else nullcontext():
        return [[reply.text for reply in image] for image in judge.answer(pixels, exam.questions)]


def score(given: Sequence[Sequence[str]]) -> float:
    """The overall score of questions without parents, of 100."""
    return 100 * float(np.mean([np.mean([answer == "yes" for answer in image]) for image in given]))


if __name__ == "__main__":
    main()
