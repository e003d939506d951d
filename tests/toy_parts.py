"""The parts of toy pipelines: tokenizers, text encoders, autoencoders and a U-Net, the real classes at toy size."""

from __future__ import annotations

from typing import Any

import diffusers
import transformers
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from dpg_bench.generate.models.tiny_weights import tiny_base, tiny_text_encoder

LETTERS = sorted(pre_tokenizers.ByteLevel.alphabet())
CHAT = (
    "{% for message in messages %}<|im_start|>{{ message['role'] }}\n"
    "{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{{ part['text'] }}{% endfor %}{% endif %}<|im_end|>\n{% endfor %}"
)


def clip_tokenizer() -> Any:
    return transformers.CLIPTokenizer.from_pretrained(tiny_base().folder / "tokenizer")


def clip_text(kind: Any, width: int) -> Any:
    return kind(
        transformers.CLIPTextConfig(
            vocab_size=514,
            hidden_size=width,
            intermediate_size=16,
            num_hidden_layers=2,
            num_attention_heads=2,
            projection_dim=width,
            bos_token_id=512,
            eos_token_id=513,
            pad_token_id=513,
        )
    )


def t5() -> tuple[Any, Any]:
    folder = tiny_text_encoder().folder
    return transformers.T5EncoderModel.from_pretrained(folder), transformers.T5Tokenizer.from_pretrained(folder)


def umt5(width: int = 24) -> Any:
    _, tokenizer = t5()
    return transformers.UMT5EncoderModel(
        transformers.UMT5Config(
            vocab_size=len(tokenizer),
            d_model=width,
            d_kv=8,
            d_ff=32,
            num_layers=1,
            num_heads=2,
            is_encoder_decoder=False,
        )
    )


def byte_tokenizer(*, side: str = "right", begin: str | None = "<sop>") -> Any:
    """A tokenizer over single bytes, with a chat template."""
    special = ["<pad>", "<sop>", "<|im_start|>", "<|im_end|>"]
    vocabulary = {token: number for number, token in enumerate([*LETTERS, *special])}
    raw = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    raw.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    if begin is not None:
        raw.post_processor = processors.TemplateProcessing(
            single=f"{begin} $A", special_tokens=[(begin, vocabulary[begin])]
        )
    made = transformers.PreTrainedTokenizerFast(
        tokenizer_object=raw, pad_token="<pad>", eos_token="<|im_end|>", padding_side=side
    )
    made.add_special_tokens({"additional_special_tokens": ["<|im_start|>"]})
    made.chat_template = CHAT
    return made


def qwen_tokenizer() -> Any:
    special = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]
    made = transformers.Qwen2Tokenizer(
        vocab={token: number for number, token in enumerate([*LETTERS, *special])}, merges=[]
    )
    made.chat_template = CHAT
    return made


def qwen_vl() -> Any:
    text = {
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "vocab_size": 320,
        "rope_scaling": {"mrope_section": [1, 1, 2], "rope_type": "default", "type": "default"},
    }
    vision = {"depth": 1, "hidden_size": 32, "intermediate_size": 32, "num_heads": 4, "out_hidden_size": 32}
    names = ("image", "video", "vision_start", "vision_end", "vision", "bos", "eos")
    special = {f"{name}_token_id": 300 + number for number, name in enumerate(names)}
    return transformers.Qwen2_5_VLForConditionalGeneration(
        transformers.Qwen2_5_VLConfig(
            text_config={**text, "bos_token_id": 305, "eos_token_id": 306},
            vision_config=vision,
            hidden_size=32,
            vocab_size=320,
            **special,
        )
    )


def decoder(model: str, config: str, **more: Any) -> Any:
    sizes = {
        "vocab_size": 300,
        "hidden_size": 32,
        "intermediate_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "pad_token_id": 256,
        "bos_token_id": 257,
        "eos_token_id": 259,
    }
    return getattr(transformers, model)(getattr(transformers, config)(**sizes, **more))


def vae(channels: int = 4, *, blocks: tuple[int, ...] = (4, 8)) -> Any:
    return diffusers.AutoencoderKL(
        sample_size=16,
        block_out_channels=blocks,
        down_block_types=("DownEncoderBlock2D",) * len(blocks),
        up_block_types=("UpDecoderBlock2D",) * len(blocks),
        latent_channels=channels,
        shift_factor=0.0,
        norm_num_groups=2,
        layers_per_block=1,
    )


def dc_vae() -> Any:
    blocks: dict[str, Any] = {}
    for side in ("encoder", "decoder"):
        blocks[f"{side}_block_types"] = ("ResBlock", "EfficientViTBlock")
        blocks[f"{side}_block_out_channels"] = (8, 8)
        blocks[f"{side}_layers_per_block"] = (1, 1)
        blocks[f"{side}_qkv_multiscales"] = ((), (5,))
    return diffusers.AutoencoderDC(
        latent_channels=4,
        attention_head_dim=2,
        encoder_out_shortcut=True,
        decoder_in_shortcut=True,
        upsample_block_type="interpolate",
        downsample_block_type="stride_conv",
        decoder_norm_types="rms_norm",
        decoder_act_fns="silu",
        **blocks,
    )


def qwen_vae() -> Any:
    return diffusers.AutoencoderKLQwenImage(
        base_dim=16,
        z_dim=4,
        dim_mult=[1, 2, 4],
        num_res_blocks=1,
        temperal_downsample=[False, True],
        latents_mean=[0.0] * 4,
        latents_std=[1.0] * 4,
    )


def sd_unet(**more: Any) -> Any:
    sizes: dict[str, Any] = {
        "sample_size": 8,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "up_block_types": ("CrossAttnUpBlock2D", "UpBlock2D"),
        "attention_head_dim": 2,
        "cross_attention_dim": 16,
        "norm_num_groups": 4,
    }
    return diffusers.UNet2DConditionModel(**{**sizes, **more})
