"""Readers of what training is given: pairs, captions, features, connectors, and the logs of a run before."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

import torch
from PIL import Image
from safetensors.torch import save, save_file

from ella_models.connector import ConnectorConfig, EllaConnector
from ella_models.pipelines.parts import stored_dtype
from ella_models.training.config import DataSection
from ella_models.training.config_file import preset_text, read_config
from ella_models.training.files import read_json, read_lines
from ella_models.training.images import SkippedPair, opened
from ella_models.training.pairs import FolderPairs, Pair
from ella_models.training.precomputed import PrecomputedExamples, StepShape
from ella_models.training.shards import ShardPairs
from ella_models.training.sources import SkippedPairs, read_captions
from ella_models.weights import load_connector
from tests.fuzz.reader import Reader

_SIZES = ConnectorConfig(
    time_channel=4, time_embed_dim=8, width=8, layers=1, heads=2, num_latents=2, input_dim=4, kind="tsc"
)


def readers(folder: Path) -> Mapping[str, Reader]:
    """All of them; what they need beside the file is put into `folder`."""
    connector = save(
        {name: value.contiguous() for name, value in EllaConnector.from_sizes(_SIZES).state_dict().items()}
    )
    sizes = json.dumps({**asdict(_SIZES), "text_options": {}}).encode()
    (folder / "sized.safetensors").write_bytes(connector)
    (folder / "whole.json").write_bytes(sizes)
    features = {"8x8.moments": torch.zeros(2, 8, 1, 1), "8x8.text": torch.zeros(2, 3, 4)}
    for name in ("indexed", "sharded"):
        (folder / name).mkdir()
        save_file({"text": torch.zeros(3, 4)}, folder / name / "empty.safetensors")
        save_file(features, folder / name / "shard-00000.safetensors")
    shard = {"file": "shard-00000.safetensors", "of": "", "sizes": [{"height": 8, "width": 8, "pairs": 2}]}
    index = json.dumps({"schema": 1, "text_encoder_digest": "d", "shards": [shard]}).encode()
    (folder / "sharded" / "index.json").write_bytes(index)
    (folder / "pairs").mkdir()
    (folder / "pairs" / "a.png").write_bytes(_pictures("PNG")[0])
    return {
        "ELLA configuration": Reader(
            "m.yaml", read_config, (preset_text().encode(), b"output: a\ndata: {folder: b}\n")
        ),
        "ELLA connector": Reader("whole.safetensors", load_connector, (connector,)),
        "ELLA connector's sizes": Reader(
            "sized.json", lambda path: load_connector(path.with_suffix(".safetensors")), (sizes,)
        ),
        "checkpoint's precision": Reader("precision.safetensors", stored_dtype, (connector,)),
        "training, picture": Reader("picture", _opened, _pictures("PNG", "JPEG", "WEBP", "BMP")),
        "training, shard": Reader("shard.tar", _shard, (_tar(),)),
        "training, caption": Reader(
            "pairs/a.txt", lambda path: list(FolderPairs(path.parent, 0).pairs(None)), (b"A red fox.\n",)
        ),
        "training, captions": Reader("captions.jsonl", read_captions, (b'{"image": "a.png", "caption": "A fox."}\n',)),
        "training, log": Reader("log.jsonl", read_lines, (b'{"step": 1, "loss": 0.5}\n',)),
        "training, skipped pairs": Reader(
            "skipped.jsonl", lambda path: SkippedPairs(path).items(), (b'{"key": "a", "reason": "no caption"}\n',)
        ),
        "training, record": Reader("training.json", read_json, (b'{"settings": {"seed": 1}, "processes": 1}',)),
        "training, index of features": Reader("indexed/index.json", _features, (index,)),
        "training, features": Reader(
            "sharded/shard-00000.safetensors",
            _features,
            ((folder / "sharded" / "shard-00000.safetensors").read_bytes(),),
        ),
    }


def _features(path: Path) -> None:
    shape = StepShape(batch_size=1, accumulate=1, processes=1, process=0)
    examples = PrecomputedExamples(path.parent, shape=shape, seed=0, hold_out=0, expected={})
    next(examples.batches(None))


def _shard(path: Path) -> None:
    pairs = ShardPairs(DataSection(shards=(str(path),)), 0, lambda *_: None)
    for pair in pairs.pairs(None):
        _look(pair)


def _opened(path: Path) -> None:
    _look(Pair("a", path, "A fox."))


def _look(pair: Pair) -> None:
    try:
        opened(pair)
    except SkippedPair:
        return


def _pictures(*forms: str) -> tuple[bytes, ...]:
    found = []
    for form in forms:
        content = io.BytesIO()
        Image.new("RGB", (8, 8), "red").save(content, form)
        found.append(content.getvalue())
    return tuple(found)


def _tar() -> bytes:
    content = io.BytesIO()
    members = {
        "a.png": _pictures("PNG")[0],
        "a.txt": b"A fox.",
        "b.jpg": _pictures("JPEG")[0],
        "b.json": b'{"text": "b"}',
    }
    with tarfile.open(fileobj=content, mode="w") as archive:
        for name, member in members.items():
            described = tarfile.TarInfo(name)
            described.size = len(member)
            archive.addfile(described, io.BytesIO(member))
    return content.getvalue()
