"""Where the judge's time goes at full size, against the floor: operations over the machine's own matrix rate.

    python -m benchmarks.judge.profile                  on the CPU, as many threads as cores
    python -m benchmarks.judge.profile --threads 1      on one: says more where others use the machine too
    python -m benchmarks.judge.profile --device cuda --images 64

The rate is that of the image encoder's own largest product (tokens × 1024 by 1024 × 4096), measured once after each of
its 24 blocks, so that both meet the same machine: shared ones change from second to second. Medians of the rounds, and
of all products. On one thread the seconds are processor seconds, which waiting for others doesn't count.
"""

from __future__ import annotations

import argparse
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch

from benchmarks.judge.material import FULL, ask, make_tile, write_checkpoint
from benchmarks.measuring import describe_machine
from dpg_bench.judge.mplug.model import EncodedImages, MplugModel
from dpg_bench.judge.mplug.precision import products
from dpg_bench.judge.mplug.tokenizer import Tokenizer
from dpg_bench.judge.mplug.weights import load_model

QUESTIONS = 14
PATCH_VALUES = 3 * 14 * 14
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=2)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--dtype", default="float32")
    arguments = parser.parse_args()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    print(describe_machine())
    print(f"{arguments.images} images × {QUESTIONS} questions, {arguments.dtype}, {torch.get_num_threads()} threads")
    with tempfile.TemporaryDirectory() as folder, torch.inference_mode(), products(arguments.dtype):
        checkpoint = write_checkpoint(Path(folder) / "checkpoint", FULL, device=arguments.device)
        device = torch.device(arguments.device)
        model = load_model(FULL, checkpoint, device=device, precision=arguments.dtype)
        profile(model, Tokenizer(checkpoint / "vocab.txt", FULL.bert.vocab_size), arguments.images, arguments.rounds)


def profile(model: MplugModel, tokenizer: Tokenizer, images: int, rounds: int) -> None:
    rng, device = random.Random(0), model.device
    side = FULL.vision.image_res
    pixels = torch.from_numpy(np.stack([np.asarray(make_tile(side, seed)) for seed in range(images)])).to(device)
    questions = tokenizer.encode([ask(rng) for _ in range(QUESTIONS * images)])
    image_of = [image for image in range(images) for _ in range(QUESTIONS)]
    seconds: dict[str, list[float]] = {}
    rates: list[float] = []
    one_round(model, pixels, questions, image_of, {}, [])  # warms up
    for _ in range(rounds):
        one_round(model, pixels, questions, image_of, seconds, rates)
    rate = statistics.median(rates)
    counted = operations(questions)
    spent_on = {part: statistics.median(measured) for part, measured in seconds.items()}
    spent_on["decoding"] = spent_on.pop("answers in all") - spent_on["text, fusion"]
    print(f"matrix rate of this machine: {rate / 1e9:.1f} GFLOP/s ({min(rates) / 1e9:.1f} to {max(rates) / 1e9:.1f})")
    print(f"{'part':18}{'s an image':>12}{'share':>8}{'TFLOP':>9}{'floor s':>9}{'of the rate':>13}")
    for part, spent in spent_on.items():
        floor, each = counted[part] / rate, spent / images
        share = spent / sum(spent_on.values())
        print(f"{part:18}{each:12.3f}{share:8.1%}{counted[part] / 1e12:9.3f}{floor:9.3f}{floor / each:13.0%}")
    whole = sum(spent_on.values()) / images
    print(f"{'all':18}{whole:12.3f}{1:8.0%}{sum(counted.values()) / 1e12:9.3f}")


def one_round(
    model: MplugModel,
    pixels: torch.Tensor,
    questions: list[list[int]],
    image_of: list[int],
    seconds: dict[str, list[float]],
    rates: list[float],
) -> None:
    """Note the seconds of every part once, and the rate of a product after every block of the image encoder."""
    device = model.device
    product_seconds: dict[str, list[float]] = {}
    weight = model.visual_encoder.visual.transformer.resblocks[0].mlp.c_fc.weight
    rows = torch.randn(len(pixels) * FULL.vision.tokens, weight.shape[1], device=device, dtype=weight.dtype)

    def measure_rate(*_: object) -> None:
        timed(product_seconds, "product", device, lambda: rows @ weight.T)

    hooks = [block.register_forward_hook(measure_rate) for block in model.visual_encoder.visual.transformer.resblocks]
    tokens = timed(seconds, "image encoder", device, lambda: model.image_tokens(pixels))
    for hook in hooks:
        hook.remove()
    seconds["image encoder"][-1] -= sum(product_seconds["product"])
    rates += [2.0 * len(rows) * weight.numel() / spent for spent in product_seconds["product"]]
    fusion, decoder = timed(
        seconds,
        "keys and values",
        device,
        lambda: (model.fusion_encoder.image_memories(tokens), model.text_decoder.image_memories(tokens)),
    )
    encoded = EncodedImages(tokens, fusion, decoder)
    timed(seconds, "text, fusion", device, lambda: model.start(encoded, questions, image_of))
    timed(seconds, "answers in all", device, lambda: model.answer(encoded, questions, image_of))


def operations(questions: list[list[int]]) -> dict[str, float]:
    """Operations of the matrix products per image: two for each multiply-add, attention included."""
    vision, bert = FULL.vision, FULL.bert
    p, w, d, inner = vision.tokens, vision.clip_vision_width, bert.hidden_size, bert.intermediate_size
    encoder = vision.clip_vision_layers * (p * 12 * w * w + 2 * p * p * w) + (p - 1) * PATCH_VALUES * w + p * w * d
    memories = (bert.fusion_layers + bert.text_decode_layers) * 2 * p * d * d
    n = QUESTIONS * sum(map(len, questions)) / len(questions)  # tokens of an image's questions
    layer = n * (4 * d * d + 2 * d * inner)
    cross = n * (2 * d * d + 2 * p * d)
    own = bert.text_decode_layers * n * 2 * d * d  # the decoder's keys and values of the text
    text = bert.text_encoder_layers * layer + bert.fusion_layers * (layer + cross) + own
    rows = QUESTIONS * (1 + vision.beam_size)  # one beam at the first step, all at the second
    decoder = rows * (6 * d * d + 2 * d * inner + 2 * p * d) * bert.text_decode_layers
    head = rows * (d * d + d * bert.vocab_size)
    parts = {"image encoder": encoder, "keys and values": memories, "text, fusion": text, "decoding": decoder + head}
    return {name: 2.0 * count for name, count in parts.items()}


def timed(seconds: dict[str, list[float]], part: str, device: torch.device, work: Callable[[], T]) -> T:
    """Do `work` and note its time."""
    start = clock(device)
    result = work()
    seconds.setdefault(part, []).append(clock(device) - start)
    return result


def clock(device: torch.device) -> float:
    if device.type == "cpu" and torch.get_num_threads() == 1:
        return time.process_time()
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


if __name__ == "__main__":
    main()
