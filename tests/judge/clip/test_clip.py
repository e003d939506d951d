"""CLIP as a judge: the cosine of its own features, whatever company an image keeps, and refusals in words."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from transformers import CLIPConfig, CLIPModel, CLIPTokenizer

from dpg_bench.errors import BadInputError, DpgBenchError
from dpg_bench.judge.base import Judge, resolve_settings
from dpg_bench.judge.registry import find_judge
from dpg_bench.judge.resizing import CentreSquare
from tests.lost_weight import lose_weight

TEXTS = ("a fox reads to a hen", "two foxes share a pear", "a boat")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A toy CLIP in transformers' form."""
    place = tmp_path_factory.mktemp("clip")
    letters = [chr(n) for n in range(ord("a"), ord("z") + 1)]
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    (place / "vocab.json").write_text(json.dumps({token: n for n, token in enumerate(tokens)}))
    (place / "merges.txt").write_text("#version: 0.2\n")
    text: dict[str, Any] = {"vocab_size": len(tokens), "eos_token_id": len(tokens) - 1, "bos_token_id": len(tokens) - 2}
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = CLIPConfig(
        text_config={**text, **small, "max_position_embeddings": 40},
        vision_config={**small, "image_size": 32, "patch_size": 8},
        projection_dim=12,
    )
    torch.manual_seed(0)
    CLIPModel(config).save_pretrained(place)
    return place


def load(folder: Path) -> Judge:
    spec = find_judge("clip")
    return spec.load(resolve_settings(spec, {"path": str(folder)}, device="cpu", dtype="float32"))


@pytest.fixture(scope="module")
def judge(folder: Path) -> Judge:
    return load(folder)


def pictures() -> list[Image.Image]:
    rng = np.random.default_rng(0)
    return [Image.fromarray(rng.integers(0, 256, (size, 60, 3), dtype=np.uint8)) for size in (60, 40, 90)]


def test_a_reply_is_the_cosine_of_the_models_own_features(judge: Judge, folder: Path) -> None:
    model, tokenizer = CLIPModel.from_pretrained(folder).eval(), CLIPTokenizer.from_pretrained(folder)
    mean = torch.tensor([0.48145466, 0.4578275, 0.40821073])[:, None, None]
    std = torch.tensor([0.26862954, 0.26130258, 0.27577711])[:, None, None]
    for picture in pictures():
        pixels = judge.preprocess(picture)
        image = (torch.tensor(pixels).permute(2, 0, 1) / 255 - mean) / std
        for text in TEXTS:
            with torch.inference_mode():
                out = model(pixel_values=image[None].float(), **tokenizer([text], return_tensors="pt"))
            cosine = float(out.text_embeds[0] @ out.image_embeds[0])
            ((reply,),) = judge.answer([pixels], [[text]])
            assert reply.text == f"{cosine:.4f}"
            assert reply.p_yes == pytest.approx(max(0.0, cosine), abs=1e-6)


def test_no_reply_depends_on_the_others(judge: Judge) -> None:
    pixels = [judge.preprocess(picture) for picture in pictures()]
    together = judge.answer(pixels, [TEXTS] * 3)
    for image, replies in zip(pixels, together, strict=True):
        for text, reply in zip(TEXTS, replies, strict=True):
            ((alone,),) = judge.answer([image], [[text]])
            assert alone.p_yes == pytest.approx(reply.p_yes, abs=1e-6)


def test_the_middle_of_an_image_is_seen() -> None:
    wide = Image.new("RGB", (90, 30), "red")
    wide.paste("blue", (30, 0, 60, 30))
    assert (CentreSquare(16)(wide)[:, 2:-2] == (0, 0, 255)).all()
    assert CentreSquare(32)(Image.new("RGB", (35, 50))).shape == (32, 32, 3)


def test_a_text_longer_than_clip_reads_is_refused(judge: Judge) -> None:
    with pytest.raises(DpgBenchError, match="CLIP reads 40 tokens, and 'abc abc"):
        judge.answer([judge.preprocess(pictures()[0])], [["abc " * 30]])


def test_weights_that_are_missing_are_named(folder: Path, tmp_path: Path) -> None:
    part = shutil.copytree(folder, tmp_path / "part")
    lose_weight(part, "visual_projection.weight")
    with pytest.raises(BadInputError, match=r"no complete CLIP: 1 weights are missing, such as visual_projection"):
        load(part)


def test_other_weights_have_another_name_and_fingerprint(folder: Path, judge: Judge, tmp_path: Path) -> None:
    spec = find_judge("clip")
    settings = resolve_settings(spec, {"path": str(folder)}, device="cpu", dtype="float32")
    assert spec.label(settings) == f"clip ({folder.name})"
    assert load(folder).fingerprint == judge.fingerprint
    assert judge.provenance["image_size"] == 32
    with pytest.raises(BadInputError, match="which is no folder with a model's weights"):
        resolve_settings(spec, {"path": str(tmp_path)}, device="cpu", dtype="float32")
