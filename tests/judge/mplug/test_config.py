"""A checkpoint's settings: mPLUG's own defaults, and an error that names file and field."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from dpg_bench.errors import BadInputError
from dpg_bench.judge.mplug.config import read_config


def _edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    content = yaml.safe_load(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def test_absent_keys_take_mplugs_own_defaults(checkpoint: Path) -> None:
    (checkpoint / "config.yaml").write_text("bert_config: config_bert.json\n")
    _edit(checkpoint / "config_bert.json", lambda bert: bert.pop("stride_layer"))
    config = read_config(checkpoint)
    assert config.vision.tokens == 1297
    assert config.vision.clip_vision_layers == 24
    assert (config.vision.beam_size, config.vision.min_length, config.vision.max_length) == (5, 1, 10)
    assert config.bert.stride_layer == 100
    assert config.image_is_independent


def test_a_layer_joins_image_and_text_where_the_stride_says_so(checkpoint: Path) -> None:
    _edit(
        checkpoint / "config_bert.json", lambda bert: bert.update(num_hidden_layers=6, fusion_layers=6, stride_layer=2)
    )
    config = read_config(checkpoint)
    assert [n for n in range(6) if config.bert.joins_image_and_text(n)] == [2, 4]
    assert not config.image_is_independent


@pytest.mark.parametrize("name", ["configuration.json", "config.yaml", "config_bert.json"])
@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "is missing"), (b"\xff\xfe\x00", "UTF-"), (b"{[", "can't be read"), (b"[1]", "holds no mapping")],
    ids=["missing", "binary", "malformed", "a list"],
)
def test_a_file_that_cannot_be_read_is_named(checkpoint: Path, name: str, content: bytes | None, message: str) -> None:
    (checkpoint / name).unlink()
    if content is not None:
        (checkpoint / name).write_bytes(content)
    with pytest.raises(BadInputError, match=message) as caught:
        read_config(checkpoint)
    assert str(checkpoint / name) in str(caught.value)


@pytest.mark.parametrize(
    ("name", "change", "message"),
    [
        ("configuration.json", {"task": "image-captioning"}, "'image-captioning'"),
        ("configuration.json", {"model": {"type": "ofa"}}, "type 'ofa'"),
        ("config.yaml", {"image_res": "big"}, "'image_res'.*'big'"),
        ("config.yaml", {"image_res": 500}, "500 is no multiple of clip_vision_patch_size 14"),
        ("config.yaml", {"beam_size": 0}, "'beam_size'"),
        ("config.yaml", {"beam_size": 1000}, "beam_size 1000 is more than vocab_size"),
        ("config.yaml", {"max_length": 1000}, "max_length 1000 is more than max_position_embeddings"),
        ("config.yaml", {"bert_config": "other.json"}, "other.json is missing"),
        ("config_bert.json", {"hidden_size": None}, "'hidden_size'"),
        ("config_bert.json", {"hidden_act": "relu"}, "'hidden_act'.*'relu'"),
        ("config_bert.json", {"num_attention_heads": 5}, "no multiple of num_attention_heads 5"),
        ("config_bert.json", {"fusion_layers": 99}, "fusion_layers 99 is more than num_hidden_layers"),
        ("config_bert.json", {"max_position_embeddings": 20}, "max_position_embeddings 20 is less than"),
    ],
)
def test_a_setting_that_cannot_be_is_named_with_its_value(
    checkpoint: Path, name: str, change: dict[str, Any], message: str
) -> None:
    _edit(checkpoint / name, lambda content: content.update(change))
    with pytest.raises(BadInputError, match=message):
        read_config(checkpoint)


def test_a_missing_field_is_named(checkpoint: Path) -> None:
    _edit(checkpoint / "config_bert.json", lambda bert: bert.pop("fusion_layers"))
    with pytest.raises(BadInputError, match=r"config_bert\.json is damaged at 'fusion_layers': Field required"):
        read_config(checkpoint)
