"""Readers of what lies in folders of weights: configurations, indices, vocabularies, checkpoints."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from pathlib import Path

import torch

from dpg_bench.generate.models.checks import size_multiple
from dpg_bench.hub.huggingface import pipeline_files
from dpg_bench.hub.weights import shards_of
from dpg_bench.judge.blip_vqa import checkpoint as blip
from dpg_bench.judge.blip_vqa.text import Tokenizer as BlipTokenizer
from dpg_bench.judge.mplug import tiny, weights
from dpg_bench.judge.mplug.config import BertConfig, VisionConfig, _read, read_config
from dpg_bench.judge.mplug.tokenizer import Tokenizer
from tests.fuzz.reader import Reader


def readers(folder: Path) -> Mapping[str, Reader]:
    """All of them; what they need beside the file is put into `folder`."""
    (folder / "judge").mkdir()
    tiny.write_tiny_checkpoint(folder / "judge")
    bert = (folder / "judge" / "config_bert.json").read_bytes()
    words = ["[PAD]", *(f"[unused{n}]" for n in range(99)), "[UNK]", "[CLS]", "[SEP]", "[MASK]", "yes", "no", "##s"]
    vocabulary = "".join(f"{word}\n" for word in words).encode()
    (folder / "vae").mkdir()
    tensors = {"model": {"a.weight": torch.zeros(2, 3), "b": torch.ones(1, dtype=torch.float16)}}
    pickled = tuple(_saved(tensors, zipped=zipped) for zipped in (True, False))
    return {
        "mPLUG configuration": Reader("config.yaml", lambda path: _read(VisionConfig, path), (b"image_res: 504\n",)),
        "BERT configuration": Reader("b.json", lambda path: _read(BertConfig, path), (bert,)),
        "mPLUG folder": Reader("judge/config_bert.json", lambda path: read_config(path.parent), (bert,)),
        "mPLUG weights": Reader("pytorch_model.bin", weights._read, pickled),
        "BLIP-VQA weights": Reader("model_base_vqa.pth", blip._read, pickled),
        "mPLUG vocabulary": Reader("vocab.txt", lambda path: Tokenizer(path, 200).encode(["Yes?"]), (vocabulary,)),
        "BLIP vocabulary": Reader(
            "words.txt", lambda path: BlipTokenizer(path, len(words) + 2).encode(["Yes?"]), (vocabulary,)
        ),
        "index of weights": Reader("model.safetensors.index.json", shards_of, (b'{"weight_map": {"a": "b-1"}}',)),
        "model_index.json": Reader(
            "model_index.json",
            lambda path: pipeline_files(path.parent),
            (json.dumps({"_class_name": "P", "vae": ["diffusers", "A"]}).encode(),),
        ),
        "autoencoder configuration": Reader(
            "vae/config.json", lambda path: size_multiple(path.parents[1]), (b'{"block_out_channels": [8, 8, 8, 8]}',)
        ),
    }


def _saved(content: object, *, zipped: bool) -> bytes:
    file = io.BytesIO()
    torch.save(content, file, _use_new_zipfile_serialization=zipped)
    return file.getvalue()
