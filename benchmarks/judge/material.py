"""What the judge's benchmarks judge, and with what: a full-size checkpoint of random weights, images and questions."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
import torch
import yaml
from PIL import Image

from benchmarks.material import Row, write_question_file
from dpg_bench.judge.mplug.config import BertConfig, MplugConfig, VisionConfig
from dpg_bench.judge.mplug.tokenizer import END, START
from dpg_bench.judge.mplug.untrained import ANSWERS, HEAD, draw_weights, vocabulary
from dpg_bench.judge.mplug.weights import load_model

ITEMS, QUESTIONS, TILES, SIDE = 1065, 14_386, 4, 1024
"""Of the whole benchmark: items, questions, images per prompt, and a usual image's side in pixels."""
VOCABULARY = 30_522
FULL = MplugConfig(
    vision=VisionConfig(max_length=2),
    bert=BertConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_attention_heads=12,
        num_hidden_layers=12,
        layer_norm_eps=1e-12,
        max_position_embeddings=512,
        vocab_size=VOCABULARY,
        text_encoder_layers=6,
        fusion_layers=6,
        text_decode_layers=12,
        stride_layer=6,
    ),
)
TOY = MplugConfig(
    vision=VisionConfig(max_length=2, image_res=56, clip_vision_layers=1),  # the reference knows no width but 1024
    bert=BertConfig(
        hidden_size=48,
        intermediate_size=96,
        num_attention_heads=4,
        num_hidden_layers=4,
        layer_norm_eps=1e-12,
        max_position_embeddings=64,
        vocab_size=300,
        text_encoder_layers=2,
        fusion_layers=2,
        text_decode_layers=2,
        stride_layer=6,
    ),
)
# What the reference reads besides; its dropout is off at inference.
REFERENCE_VISION = {
    "clip_name": "ViT-L-14",
    "clip_embed_dim": 32,
    "clip_image_resolution": 28,
    "clip_context_length": 8,
    "clip_vocab_size": 32,
    "clip_transformer_width": 16,
    "clip_transformer_heads": 2,
    "clip_transformer_layers": 1,
    "distill": False,
}
REFERENCE_BERT = {
    "model_type": "bert",
    "attention_probs_dropout_prob": 0.1,
    "hidden_dropout_prob": 0.1,
    "initializer_range": 0.02,
    "pad_token_id": 0,
    "add_cross_attention": False,
    "use_cache": False,
    "gradient_checkpointing": False,
}
EMBEDDINGS = "text_decoder.bert.embeddings.word_embeddings.weight"
WORDS = vocabulary()[106:-90]
LENGTHS = {3: 8, 4: 18, 5: 22, 6: 18, 7: 13, 8: 9, 9: 6, 10: 3, 12: 2, 15: 1}
"""Words of a question and how often: from "Is the car red?" to a relation between two things with their attributes."""


def write_checkpoint(folder: Path, config: MplugConfig, *, device: str = "cpu") -> Path:
    """A checkpoint folder of seeded random weights that both sides can read.

    The answers' logits are centred and scaled over some images and questions, so that none of the four answers
    always wins and two precisions disagree only where arithmetic differs.
    """
    folder.mkdir(parents=True)
    task = {"framework": "pytorch", "task": "visual-question-answering", "model": {"type": "mplug"}}
    (folder / "configuration.json").write_text(json.dumps(task))
    (folder / "config.yaml").write_text(yaml.safe_dump(config.vision.model_dump() | REFERENCE_VISION))
    width = {"encoder_width": config.bert.hidden_size}
    (folder / "config_bert.json").write_text(json.dumps(config.bert.model_dump() | REFERENCE_BERT | width))
    tokens = vocabulary(config.bert.vocab_size)
    (folder / "vocab.txt").write_text("\n".join(tokens) + "\n")
    weights = draw_weights(config, tokens, seed=0, sharpness=2.0, image_scale=0.2)
    weights[EMBEDDINGS] = weights[f"{HEAD}.weight"]  # the reference's decoder reads the words it writes
    torch.save({"model": weights}, folder / "pytorch_model.bin")
    answers = [tokens.index(word) for word in ANSWERS]
    logits = _first_logits(folder, config, tokens, device)[:, answers].cpu()
    scale = 0.5 / logits.std(0)
    weights[f"{HEAD}.weight"][answers] *= scale[:, None]
    weights[f"{HEAD}.bias"][answers] = -logits.mean(0) * scale
    weights[f"{HEAD}.bias"][END] = 40.0
    (folder / "pytorch_model.bin").unlink()
    torch.save({"model": weights}, folder / "pytorch_model.bin")
    return folder


@torch.inference_mode()
def _first_logits(folder: Path, config: MplugConfig, tokens: list[str], device: str) -> torch.Tensor:
    """The first step's logits (24, V) of eight questions about three images."""
    model = load_model(config, folder, device=torch.device(device), precision="float32")
    side, ids = config.vision.image_res, {token: number for number, token in enumerate(tokens)}
    pixels = [np.asarray(make_tile(side, seed)) for seed in (-1, -2, -3)]
    texts = [ask(random.Random(-seed)) for seed in range(1, 9)]
    asked = [
        [START, *(ids.get(word, 100) for word in text.lower().rstrip("?").split()), ids["?"], END] for text in texts
    ]
    images = model.encode_images(torch.from_numpy(np.stack(pixels)).to(device))
    decoding = model.start(images, asked * 3, [image for image in range(3) for _ in asked])
    return decoding.step(torch.full((24,), START, device=device)).float()


def ask(rng: random.Random) -> str:
    """A made-up question about as long as DPG-Bench's are."""
    count = rng.choices(list(LENGTHS), weights=list(LENGTHS.values()))[0]
    return f"Is {' '.join(rng.choices(WORDS, k=count - 1))}?"


def make_tile(side: int, seed: int) -> Image.Image:
    """A square of colour gradients and noise, which compresses about as well as a photo."""
    rng = np.random.default_rng(seed % 2**32)
    shapes = Image.fromarray(rng.integers(0, 256, (7, 7, 3), dtype=np.uint8))
    smooth = np.asarray(shapes.resize((side, side), Image.Resampling.BICUBIC), np.int16)
    return Image.fromarray((smooth + rng.integers(-5, 6, smooth.shape, dtype=np.int16)).clip(0, 255).astype(np.uint8))


def write_images(folder: Path, names: Sequence[str], *, tile: int, tiles: int, processes: int = 1) -> None:
    """One PNG per name: a square grid of `tiles` (1 or 4) tiles of `tile` px."""
    folder.mkdir(parents=True)
    jobs = [(folder / f"{name}.png", tile, tiles, number) for number, name in enumerate(names)]
    if processes == 1:
        for job in jobs:
            _write_grid(job)
        return
    with ProcessPoolExecutor(processes) as pool:
        list(pool.map(_write_grid, jobs, chunksize=8))


def _write_grid(job: tuple[Path, int, int, int]) -> None:
    path, tile, tiles, seed = job
    side = round(tiles**0.5)
    grid = Image.new("RGB", (tile * side, tile * side))
    for number in range(tiles):
        grid.paste(make_tile(tile, seed * tiles + number), (number % side * tile, number // side * tile))
    grid.save(path, compress_level=1)


def spread(questions: int, items: int) -> list[int]:
    """So many questions for each item, as evenly as they go."""
    return [questions // items + (item < questions % items) for item in range(items)]


def write_suite(path: Path, counts: Sequence[int]) -> dict[str, list[str]]:
    """A suite file with so many questions for each item; the questions by item id."""
    rng = random.Random(0)
    rows = []
    for item, count in enumerate(counts):
        name, prompt = f"item{item:04d}", f"Made-up prompt {item}."
        questions = [ask(rng) for _ in range(count)]
        for number, question in enumerate(questions, start=1):
            parent = 0 if number == 1 or rng.random() < 0.5 else rng.randrange(1, number)
            rows.append(Row(name, prompt, number, parent, "entity - whole", question))
    write_question_file(path, rows)
    asked: dict[str, list[str]] = {}
    for row in rows:
        asked.setdefault(row.item_id, []).append(row.question)
    return asked
