"""Questions per second of a vision-language judge, with the image's part of the prompt computed once and each time anew.

    python -m benchmarks.judge.shared_prefill [--device cuda] [--model REPO_OR_FOLDER]

A Qwen2.5-VL of random weights at toy size (or `--model`), 4 images of 144 px, which are the 324 tokens that Qwen2.5-VL
makes of 512 px, and 13 questions about each, as many as a prompt of DPG-Bench has. Alternating rounds; medians of
processor seconds (on a GPU wall-clock seconds). That both ways give the same answers is checked. The toy's tokenizer
reads single bytes, so that what follows the image is some 85 tokens where it is some 30 to Qwen2.5-VL's own.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from benchmarks.judge.material import ask
from benchmarks.measuring import describe_machine
from dpg_bench.judge.in_memory import LoadedJudge, load_judge
from tests.toy_vlms import save_toy_vlm

IMAGES, SIDE, EACH = 4, 144, 13


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--model", help="another model; its images are then of 512 px")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    print(describe_machine())
    side = SIDE if arguments.model is None else 512
    images = [np.random.default_rng(n).integers(0, 256, (side, side, 3), dtype=np.uint8) for n in range(IMAGES)]
    rng = random.Random(0)
    questions = [[ask(rng) for _ in range(EACH)] for _ in range(IMAGES)]
    with tempfile.TemporaryDirectory() as folder:
        sizes = ((32, 2), (128, 4), (512, 8)) if arguments.model is None else ((0, 0),)
        for width, layers in sizes:
            name = arguments.model
            if name is None:
                toy = Path(folder) / f"toy-{width}"
                name = str(save_toy_vlm("qwen2.5-vl", toy, width=width, layers=layers, most_pixels=SIDE * SIDE))
                print(f"width {width}, {layers} layers")
            measure(name, images, questions, device=arguments.device, rounds=arguments.rounds)


def measure(name: str, images: list[np.ndarray], questions: list[list[str]], *, device: str, rounds: int) -> None:
    judges = {
        label: load_judge(f"vlm:{name}", options={"shared_prefill": shared}, device=device)
        for label, shared in (("each time anew", False), ("computed once", True))
    }
    if judges["computed once"].provenance["shared_prefill"] is not True:
        raise SystemExit(f"{name} can't go on from a shared beginning.")
    seconds: dict[str, list[float]] = {label: [] for label in judges}
    for number in range(rounds + 1):  # the first warms up
        said = {}
        for label, judge in judges.items():
            spent, said[label] = timed(judge, images, questions)
            if number:
                seconds[label].append(spent)
        if device == "cpu" and said["each time anew"] != said["computed once"]:
            raise SystemExit("The two ways give different answers.")
    asked = sum(map(len, questions))
    for label, spent in seconds.items():
        print(f"  {label:15} {asked / statistics.median(spent):8.1f} questions/s")
    ratio = statistics.median(a / b for a, b in zip(*seconds.values(), strict=True))
    print(f"  computed once / each time anew: {ratio:.2f}, median of {rounds} rounds")


def timed(judge: LoadedJudge, images: list[np.ndarray], questions: list[list[str]]) -> tuple[float, list[list[str]]]:
    clock = time.process_time if judge.device == "cpu" else time.perf_counter
    begun = clock()
    replies = judge.answer(images, questions)
    if judge.device != "cpu":
        torch.cuda.synchronize()
    return clock() - begun, [[reply.text for reply in found] for found in replies]


if __name__ == "__main__":
    main()
