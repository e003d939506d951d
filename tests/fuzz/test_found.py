"""What escaped from a reader once, or held it up, and may not again."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from dpg_bench.errors import DpgBenchError
from ella_models.errors import EllaError
from tests.fuzz.readers import GROUPS, names, readers

_HUGE = b"1" + b"0" * 400


def _chat(content: bytes, logprob: bytes = b"-0.1") -> bytes:
    tokens = b'{"content": [{"top_logprobs": [{"token": "yes", "logprob": %s}]}]}' % logprob
    return b'{"choices": [{"message": {"content": %s}, "logprobs": %s}]}' % (content, tokens)


def _features(**changed: object) -> bytes:
    group = {"height": 8, "width": 8, "pairs": 2} | changed
    shard = {"file": group.pop("file", "shard-00000.safetensors"), "sizes": [group]}
    return json.dumps({"schema": 1, "text_encoder_digest": "d", "shards": [shard]}).encode()


REFUSED = {
    "a number of thousands of digits": ("recipe of rewriting", b"instruction = " + b"9" * 5000),
    "a key of many parts": ("recipe of rewriting", b"1." * 50_000),
    "a text that looks like JSON": ("answers, several models", b'{"item_id": "fox", "model": "\\x"}\n'),
    "spaces, tried as the end of a category each": ("language model, facts", b"1 | a" + b" " * 200_000 + b"b"),
    "thoughts that don't end": ("language model, questions", b"<think>" * 50_000),
    "a file name that is too long": ("image list", b'{"fox": ["' + b"x" * 300 + b'.png"]}'),
    "blocks without end": ("autoencoder configuration", b'{"block_out_channels": [' + b"8," * 50_000 + b"8]}"),
    "half a character as an id": ("suite, JSON lines", b'{"id": "\\ud800", "prompt": "A fox."}\n'),
    "half a character as a text": ("suite, JSON lines", b'{"id": "a", "prompt": "\\udc00"}\n'),
    "half a character in an answer": ("server, chat", _chat(b'"\\ud800"')),
    "a component that is the root": ("model_index.json", b'{"_class_name": "P", "/": ["diffusers", "A"]}'),
    "a component outside": ("model_index.json", b'{"_class_name": "P", "../..": ["diffusers", "A"]}'),
    "a shard whose name is too long": ("index of weights", b'{"weight_map": {"a": "' + b"x" * 300 + b'"}}'),
    "a pickle with an empty stack": ("mPLUG weights", b"\x80\x02\x87."),
    "a pickle of a number cut short": ("BLIP-VQA weights", b"\x80\x02G\x00\x00"),
    "layers without end": ("mPLUG folder", b'{"num_hidden_layers": 1000000000}'),
    "a size beyond any": ("ELLA connector's sizes", b'{"kind": "tsc", "pooled_dim": %s}' % _HUGE),
    "no tensor at all": ("checkpoint's precision", struct.pack("<Q", 2) + b"{}"),
    "a header cut short": ("checkpoint's precision", struct.pack("<Q", 200) + b"{"),
    "a log that is no UTF-8": ("training, log", b'{"step": 1}\n\xff\n'),
    "a log without what it is for": ("training, skipped pairs", b'{"key": "a"}\n'),
    "pairs without end": ("training, index of features", _features(pairs=10**12)),
    "a shard outside the folder": ("training, index of features", _features(file="../shard-00000.safetensors")),
    "no height": ("training, index of features", _features(height=None)),
}
READ = {
    "a logarithm beyond any": ("server, chat", _chat(b'"yes"', _HUGE)),
    "half a character in a caption": ("server, captions", _chat(b'"\\ud800"')),
    "a size that is infinite": ("index of a mirror", b'{"there": {}, "here": {"a": [1e999, 1]}}'),
    "a count beyond any": ("usage.jsonl", b'{"requests": %s}\n{"requests": 0.5}\n' % _HUGE),
    "a caption that is no UTF-8": ("training, caption", b"\xff\xfe\xfd"),
}


def _read(reader: str, content: bytes, folder: Path) -> None:
    group = next(group for group in GROUPS if reader in names(group))
    found = readers(group, folder)[reader]
    file = folder / found.name
    file.write_bytes(content)
    found.read(file)


@pytest.mark.parametrize("what", REFUSED)
def test_what_no_reader_can_take_is_refused(what: str, tmp_path: Path) -> None:
    with pytest.raises((DpgBenchError, EllaError)):
        _read(*REFUSED[what], tmp_path)


@pytest.mark.parametrize("what", READ)
def test_what_is_odd_in_one_place_is_read(what: str, tmp_path: Path) -> None:
    _read(*READ[what], tmp_path)
