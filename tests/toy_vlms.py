"""Toy forms of vision-language models: the real classes, of a few thousand random weights each, saved as folders.

Their answer is always yes or no, in some spelling, and depends on image and question.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from dpg_bench.hub.remarks import quiet_libraries

_WORDS = ("Yes", "yes", "ĠYes", "Ġyes", "No", "no", "ĠNo", "Ġno")
_SPECIAL = ("<pad>", "<bos>", "<|im_start|>", "<|im_end|>", "<|image_pad|>", "<|video_pad|>", "<|vision_start|>")
_MORE = ("<|vision_end|>", "<image>", "<img>", "</img>", "<IMG_CONTEXT>", "<video>")
_TEMPLATE = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}{% else %}"
    "{% for part in message['content'] %}{% if part['type'] == 'image' %}IMAGE{% else %}{{ part['text'] }}{% endif %}"
    "{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)


def _tokenizer(**more: str) -> Any:
    """Byte-level BPE that has yes and no as whole words and else single bytes."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    merges: dict[tuple[str, str], None] = {}
    pieces = dict.fromkeys(letters)
    for word in _WORDS:
        made = word[0]
        for letter in word[1:]:
            merges[made, letter] = None
            made += letter
            pieces[made] = None
    vocabulary = {token: number for number, token in enumerate([*pieces, *_SPECIAL, *_MORE])}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=list(merges)))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    raw.decoder = decoders.ByteLevel()
    made_of = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", eos_token="<|im_end|>", bos_token="<bos>", **more
    )
    made_of.add_special_tokens({"additional_special_tokens": [*_SPECIAL[2:], *_MORE]})
    return made_of


def _text_sizes(tokenizer: Any, *, width: int = 32, layers: int = 2) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "hidden_size": width,
        "intermediate_size": 2 * width,
        "num_hidden_layers": layers,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "pad_token_id": tokenizer.convert_tokens_to_ids("<pad>"),
        "bos_token_id": tokenizer.convert_tokens_to_ids("<bos>"),
        "eos_token_id": tokenizer.convert_tokens_to_ids("<|im_end|>"),
        "tie_word_embeddings": False,
    }


def _qwen2_5_vl(folder: Path, *, width: int = 32, layers: int = 2, most_pixels: int = 4096) -> None:
    tokenizer = _tokenizer()
    token = tokenizer.convert_tokens_to_ids
    vision = {"depth": layers, "hidden_size": width // 2, "intermediate_size": width, "num_heads": 2, "patch_size": 4}
    rope = {"rope_type": "default", "mrope_section": _sections(width // 4), "rope_theta": 1e4}
    config = transformers.Qwen2_5_VLConfig(
        text_config={**_text_sizes(tokenizer, width=width, layers=layers), "rope_parameters": rope},
        vision_config={**vision, "out_hidden_size": width, "window_size": 16, "fullatt_block_indexes": [1]},
        image_token_id=token("<|image_pad|>"),
        video_token_id=token("<|video_pad|>"),
        vision_start_token_id=token("<|vision_start|>"),
        vision_end_token_id=token("<|vision_end|>"),
        tie_word_embeddings=False,
    )
    pixels = {"patch_size": 4, "merge_size": 2, "temporal_patch_size": 2, "min_pixels": 64, "max_pixels": most_pixels}
    _save(
        folder,
        transformers.Qwen2_5_VLForConditionalGeneration(_drawn(config)),
        tokenizer,
        image="<|vision_start|><|image_pad|><|vision_end|>",
        processor={"processor_class": "Qwen2_5_VLProcessor"},
        pixels={"image_processor_type": "Qwen2VLImageProcessor", **pixels},
    )


def _llava(folder: Path) -> None:
    tokenizer = _tokenizer()
    config = transformers.LlavaConfig(
        text_config=transformers.LlamaConfig(**_text_sizes(tokenizer)),
        vision_config=_clip_vision(),
        image_token_index=tokenizer.convert_tokens_to_ids("<image>"),
        image_seq_length=16,
        tie_word_embeddings=False,
    )
    size = {"height": 32, "width": 32}
    _save(
        folder,
        transformers.LlavaForConditionalGeneration(_drawn(config)),
        tokenizer,
        image="<image>\n",
        processor={
            "processor_class": "LlavaProcessor",
            "image_token": "<image>",
            "patch_size": 8,
            "vision_feature_select_strategy": "default",
            "num_additional_image_tokens": 1,
        },
        pixels={"image_processor_type": "CLIPImageProcessor", "size": {"shortest_edge": 32}, "crop_size": size},
    )


def _internvl(folder: Path) -> None:
    tokens = {"start_image_token": "<img>", "end_image_token": "</img>", "context_image_token": "<IMG_CONTEXT>"}
    tokenizer = _tokenizer(extra_special_tokens={**tokens, "video_token": "<video>"})
    vision = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 32}
    config = transformers.InternVLConfig(
        text_config=transformers.Qwen2Config(**_text_sizes(tokenizer)),
        vision_config={**vision, "image_size": [32, 32], "patch_size": [8, 8]},
        image_token_id=tokenizer.convert_tokens_to_ids("<IMG_CONTEXT>"),
        image_seq_length=4,
        tie_word_embeddings=False,
    )
    size = {"height": 32, "width": 32}
    _save(
        folder,
        transformers.InternVLForConditionalGeneration(_drawn(config)),
        tokenizer,
        image="<IMG_CONTEXT>\n",
        processor={"processor_class": "InternVLProcessor", "image_seq_length": 4},
        pixels={
            "image_processor_type": "GotOcr2ImageProcessor",
            "size": size,
            "crop_to_patches": True,
            "max_patches": 3,
        },
    )


def _clip_vision() -> Any:
    return transformers.CLIPVisionConfig(
        hidden_size=16, intermediate_size=32, num_hidden_layers=2, num_attention_heads=2, image_size=32, patch_size=8
    )


def _drawn(config: Any) -> Any:
    torch.manual_seed(3)
    config.initializer_range = 0.5
    for part in ("text_config", "vision_config"):
        getattr(config, part).initializer_range = 0.5
    return config


def _save(
    folder: Path, model: Any, tokenizer: Any, *, image: str, processor: Mapping[str, Any], pixels: Mapping[str, Any]
) -> None:
    head = model.get_output_embeddings().weight
    direction = torch.randn(head.shape[1], generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        head.zero_()
        for token, size in (("Yes", 1.0), ("yes", 0.8), ("ĠYes", 0.5), ("No", -1.0), ("no", -0.9), ("Ġno", -0.3)):
            head[tokenizer.convert_tokens_to_ids(token)] = size * direction
    model.eval().save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "chat_template.jinja").write_text(_TEMPLATE.replace("IMAGE", image), encoding="utf-8")
    (folder / "processor_config.json").write_text(json.dumps(processor), encoding="utf-8")
    (folder / "preprocessor_config.json").write_text(json.dumps({**pixels, **processor}), encoding="utf-8")


def _sections(head: int) -> list[int]:
    """How many pairs of a head's dimensions turn by time, height and width, in Qwen2.5-VL's proportion."""
    quarter = head // 8
    return [quarter, (head // 2 - quarter) // 2, head // 2 - quarter - (head // 2 - quarter) // 2]


TOY_VLMS: Mapping[str, Callable[..., None]] = {"qwen2.5-vl": _qwen2_5_vl, "llava": _llava, "internvl": _internvl}


def save_toy_vlm(name: str, folder: Path, **sizes: int) -> Path:
    """The toy `name` as `save_pretrained` writes it, in `folder`, which is made; `qwen2.5-vl` in other sizes too."""
    folder.mkdir(parents=True, exist_ok=True)
    with quiet_libraries():
        TOY_VLMS[name](folder, **sizes)
    return folder
