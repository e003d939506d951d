"""What a LoRA's file states of itself is looked at before peft believes it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig
from safetensors.torch import save_file

from dpg_bench.errors import BadInputError
from dpg_bench.hub.huggingface import Weights
from dpg_bench.hub.stated import check_stated

NAMES = ["down_blocks.1.attentions.0.to_q", "to_k"]


def lora(folder: Path, stated: str) -> Weights:
    tensors = {
        f"unet.{NAMES[0]}.lora_A.weight": torch.zeros(4, 128),
        f"unet.{NAMES[0]}.lora_B.weight": torch.zeros(96, 4),
    }
    save_file(tensors, folder / "lora.safetensors", metadata={"format": "pt", "lora_adapter_metadata": stated})
    return Weights("x", None, folder, ("lora.safetensors",))


def as_written(**settings: Any) -> str:
    """A configuration as diffusers writes it into a LoRA's header."""
    values = LoraConfig(**settings).to_dict().items()
    return json.dumps({f"unet.{name}": sorted(value) if isinstance(value, set) else value for name, value in values})


@pytest.mark.parametrize(
    "settings",
    [
        {"r": 4, "lora_alpha": 1000, "target_modules": NAMES, "rank_pattern": {NAMES[0]: 16}},
        {"r": 128, "target_modules": r".*\.(attn1|attn2)\.(to_q|to_k)"},
        {"r": 8, "target_modules": r"blocks\.(?:" + "|".join(map(str, range(40))) + r")\.(attn|ff)(_context)?\..*"},
    ],
)
def test_what_libraries_write_is_taken(tmp_path: Path, settings: dict[str, Any]) -> None:
    check_stated(lora(tmp_path, as_written(**settings)))


@pytest.mark.parametrize(
    ("stated", "said"),
    [
        ({"unet.r": 1 << 21}, r"gives 2097152 as unet\.r; its tensors have no side above 128"),
        ({"unet.r": 4, "unet.rank_pattern": {"to_q": 129}}, r"gives 129 as unet\.rank_pattern"),
        ({"unet.target_modules": "([a-z_0-9.]+)+!"}, r"the pattern '\(\[a-z_0-9\.\]\+\)\+!' in unet\.target_modules"),
        ({"text_encoder.exclude_modules": ".*.*.*.*.*!"}, r"in text_encoder\.exclude_modules, which may take time"),
        ({"unet.target_modules": "[a-z_0-9.]?" * 40 + "!"}, r"in unet\.target_modules, which may take time"),
        ({"unet.target_modules": "([a-z]|[a-z_.])" * 40 + "!"}, r"in unet\.target_modules, which may take time"),
        ({"unet.rank_pattern": {"(a|a)*": 3}}, r"the pattern '\(a\|a\)\*' in unet\.rank_pattern"),
        ({"unet.layers_pattern": ["blocks", "(x{2}){9}"]}, r"in unet\.layers_pattern"),
        ({"unet.megatron_config": {}, "unet.megatron_core": "antigravity"}, "has unet.megatron_config, whose code"),
        ([1], "is no JSON object"),
    ],
)
def test_what_would_fill_the_memory_never_end_or_be_imported_is_refused(tmp_path: Path, stated: Any, said: str) -> None:
    with pytest.raises(BadInputError, match=said):
        check_stated(lora(tmp_path, json.dumps(stated)))


@pytest.mark.parametrize("stated", ["not json", "[" * 100_000])
def test_what_is_no_json_is_said(tmp_path: Path, stated: str) -> None:
    with pytest.raises(BadInputError, match=r"lora\.safetensors states of its adapter \(lora_adapter_metadata\)"):
        check_stated(lora(tmp_path, stated))
