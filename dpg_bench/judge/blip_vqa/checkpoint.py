"""BLIP-VQA's weights into transformers' model: from its form, or from the authors' checkpoint, read safely."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from dpg_bench.device import torch_dtype
from dpg_bench.errors import BadInputError
from dpg_bench.hub.huggingface import Weights
from dpg_bench.hub.loading import check_complete, load_errors
from dpg_bench.hub.remarks import quiet_libraries
from dpg_bench.hub.tensor_file import read_tensor_file

_HEAD = 64  # the width of an attention head, of the vision transformer and of BERT
_NAMES = (
    (re.compile(r"^visual_encoder\.cls_token"), "vision_model.embeddings.class_embedding"),
    (re.compile(r"^visual_encoder\.pos_embed"), "vision_model.embeddings.position_embedding"),
    (re.compile(r"^visual_encoder\.patch_embed\.proj\."), "vision_model.embeddings.patch_embedding."),
    (re.compile(r"^visual_encoder\.norm\."), "vision_model.post_layernorm."),
    (re.compile(r"^visual_encoder\.blocks\.(\d+)\.norm"), r"vision_model.encoder.layers.\1.layer_norm"),
    (
        re.compile(r"^visual_encoder\.blocks\.(\d+)\.attn\.proj\."),
        r"vision_model.encoder.layers.\1.self_attn.projection.",
    ),
    (re.compile(r"^visual_encoder\.blocks\.(\d+)\.attn\."), r"vision_model.encoder.layers.\1.self_attn."),
    (re.compile(r"^visual_encoder\.blocks\.(\d+)\.mlp\."), r"vision_model.encoder.layers.\1.mlp."),
)
"""Names in the authors' checkpoint (`models/vit.py` in salesforce/BLIP) → transformers' own; BERT's are the same."""


def load_blip_vqa(weights: Weights, *, device: str, dtype: str) -> Any:
    """Transformers' `BlipForQuestionAnswering` on `device`, ready for inference in `dtype`.

    Raises BadInputError if the weights are damaged, incomplete, another model's, or no file of tensors alone.
    """
    from transformers import BlipForQuestionAnswering

    auto: Any = BlipForQuestionAnswering
    kind: dict[str, Any] = {"dtype": torch_dtype(dtype), "output_loading_info": True}
    with quiet_libraries(), load_errors("BLIP-VQA", weights):
        if "config.json" in weights.files:
            model, found = auto.from_pretrained(weights.folder, local_files_only=True, **kind)
        else:
            tensors = {_renamed(name): value for name, value in _read(weights.folder / weights.files[0]).items()}
            config = _config(tensors, weights.folder / weights.files[0])
            model, found = auto.from_pretrained(None, config=config, state_dict=tensors, **kind)
    check_complete(found, "BLIP-VQA", weights.source)
    return model.eval().to(device)


def _renamed(name: str) -> str:
    for pattern, ours in _NAMES:
        if pattern.search(name):
            return pattern.sub(ours, name)
    return name


def _config(tensors: Mapping[str, Tensor], path: Path) -> Any:
    """The sizes of the model that the tensors are of; those of the paper are ViT-B/16 at 480 px and BERT-base."""
    from transformers import BlipConfig

    try:
        patches = tensors["vision_model.embeddings.patch_embedding.weight"]
        positions = tensors["vision_model.embeddings.position_embedding"].shape[1] - 1
        words = tensors["text_encoder.embeddings.word_embeddings.weight"]
        inner = tensors["text_encoder.encoder.layer.0.intermediate.dense.weight"]
        mlp = tensors["vision_model.encoder.layers.0.mlp.fc1.weight"]
        longest = tensors["text_encoder.embeddings.position_embeddings.weight"].shape[0]
    except KeyError as error:
        raise BadInputError(f"{path} doesn't hold BLIP-VQA: {error.args[0]} is not among its weights.") from None
    layers = {part: _layers(tensors, part) for part in ("vision_model.encoder.layers.", "text_encoder.encoder.layer.")}
    return BlipConfig(
        vision_config={
            "hidden_size": patches.shape[0],
            "intermediate_size": mlp.shape[0],
            "num_hidden_layers": layers["vision_model.encoder.layers."],
            "num_attention_heads": patches.shape[0] // _HEAD,
            "image_size": math.isqrt(positions) * patches.shape[2],
            "patch_size": patches.shape[2],
            "layer_norm_eps": 1e-6,  # as in the authors' vit.py, where transformers' default is 1e-5
        },
        text_config={
            "vocab_size": words.shape[0],
            "hidden_size": words.shape[1],
            "encoder_hidden_size": patches.shape[0],
            "intermediate_size": inner.shape[0],
            "num_hidden_layers": layers["text_encoder.encoder.layer."],
            "num_attention_heads": words.shape[1] // _HEAD,
            "max_position_embeddings": longest,
            "tie_word_embeddings": False,
        },
        tie_word_embeddings=False,
    )


def _layers(tensors: Mapping[str, Tensor], prefix: str) -> int:
    return len({name.removeprefix(prefix).partition(".")[0] for name in tensors if name.startswith(prefix)})


def _read(path: Path) -> dict[str, Tensor]:
    """The tensors of the file by name; whatever else it may hold isn't read."""
    content = read_tensor_file(path, remedy="Use the authors' unchanged checkpoint.")
    named = content.get("model", content) if isinstance(content, dict) else None
    if not isinstance(named, dict) or not named:
        raise BadInputError(f"{path} holds no named weights; the authors' checkpoint has them under 'model'.")
    return {str(name): value for name, value in named.items() if isinstance(value, Tensor)}
