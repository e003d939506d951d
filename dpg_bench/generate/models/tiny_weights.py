"""The weights of the `tiny-*` models: real architectures at toy size, untrained, drawn from a seed on this machine.

They are written as ordinary diffusers and transformers folders, once per version, and loaded like any others.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpg_bench.generate.models.stable_diffusion import BASE_FILES
from dpg_bench.hub.cache import cache_folder
from dpg_bench.hub.huggingface import Weights, folder_weights
from dpg_bench.hub.remarks import quiet_libraries

if TYPE_CHECKING:
    import torch

VERSION = 1  # raise it with every change that moves a weight: the folders of other versions stay as they are

_SEED = 20240308  # the day the ELLA paper came out
_CONDITION_WIDTH = 32
_T5_WIDTH = 24
_WORDS = """
    a an the of in on at to with and is are as by from under over near behind between next left right front top large
    small tall bright dark red blue green yellow white black orange purple brown golden wooden glass metal round square
    cat dog bird tree house table chair car man woman child sky sea light three two one its s ing ed ly
"""


def tiny_base() -> Weights:
    """A toy Stable Diffusion pipeline, built if it is not there yet."""
    return _built("tiny-sd15", _write_base, BASE_FILES)


def tiny_connector() -> Weights:
    """A toy ELLA connector from `tiny_text_encoder` to `tiny_base`, built if it is not there yet."""
    return _built("tiny-ella", _write_connector, ("ella.safetensors", "ella.json"))


def tiny_text_encoder() -> Weights:
    """A toy T5 encoder with its tokenizer, built if it is not there yet."""
    return _built("tiny-t5", _write_text_encoder, ("*.json", "*.safetensors"))


def _built(name: str, write: Callable[[Path], None], files: tuple[str, ...]) -> Weights:
    """The weights that `write` puts into a folder: by one process at a time, and visible only when they are whole."""
    from filelock import FileLock

    versioned = f"{name}-{VERSION}"
    folder = cache_folder() / "tiny" / versioned
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(folder.with_name(f"{versioned}.lock")):
            if not folder.is_dir():
                _fill(folder, write)
    return replace(folder_weights(folder, files), source=versioned)


def _fill(folder: Path, write: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as temporary, quiet_libraries():
        unfinished = Path(temporary) / folder.name
        write(unfinished)
        unfinished.rename(folder)


def _write_base(folder: Path) -> None:
    import torch
    from diffusers import AutoencoderKL, PNDMScheduler, StableDiffusionPipeline, UNet2DConditionModel
    from transformers import CLIPTextConfig, CLIPTextModel

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        tokenizer = _clip_tokenizer()
        text_encoder = CLIPTextModel(
            CLIPTextConfig(
                vocab_size=len(tokenizer),
                hidden_size=_CONDITION_WIDTH,
                intermediate_size=64,
                num_hidden_layers=2,
                num_attention_heads=4,
                bos_token_id=tokenizer.bos_token_id,
                eos_token_id=tokenizer.eos_token_id,
                pad_token_id=tokenizer.pad_token_id,
            )
        )
        unet = UNet2DConditionModel(
            sample_size=8,
            block_out_channels=(16, 32),
            layers_per_block=1,
            down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
            up_block_types=("UpBlock2D", "CrossAttnUpBlock2D"),
            attention_head_dim=4,
            cross_attention_dim=_CONDITION_WIDTH,
            norm_num_groups=4,
        )
        vae = AutoencoderKL(
            sample_size=64,
            block_out_channels=(8, 8, 16, 16),
            layers_per_block=1,
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            latent_channels=4,
            norm_num_groups=4,
        )
        _exaggerate(unet, vae)
    scheduler = PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        num_train_timesteps=1000,
        skip_prk_steps=True,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    StableDiffusionPipeline(
        vae=vae,
        text_encoder=text_encoder,
        tokenizer=tokenizer,
        unet=unet,
        scheduler=scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)


def _write_connector(folder: Path) -> None:
    import torch
    from safetensors.torch import save_file

    from ella_models import ConnectorConfig, EllaConnector

    sizes = ConnectorConfig(
        time_channel=16,
        time_embed_dim=_CONDITION_WIDTH,
        width=_CONDITION_WIDTH,
        layers=2,
        heads=4,
        num_latents=8,
        input_dim=_T5_WIDTH,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        connector = EllaConnector.from_sizes(sizes)
    folder.mkdir()
    save_file(connector.state_dict(), folder / "ella.safetensors")
    (folder / "ella.json").write_text(json.dumps(asdict(sizes), indent=2) + "\n", encoding="utf-8")


def _write_text_encoder(folder: Path) -> None:
    import torch
    from transformers import T5Config, T5EncoderModel

    tokenizer = _t5_tokenizer()
    config = T5Config(
        vocab_size=len(tokenizer),
        d_model=_T5_WIDTH,
        d_kv=8,
        d_ff=48,
        num_layers=2,
        num_heads=3,
        feed_forward_proj="gated-gelu",
        is_encoder_decoder=False,
        use_cache=False,
        pad_token_id=tokenizer.pad_token_id,
        eos_token_id=tokenizer.eos_token_id,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(_SEED)
        encoder = T5EncoderModel(config)
    tokenizer.save_pretrained(folder)
    encoder.save_pretrained(folder)


def _exaggerate(unet: torch.nn.Module, vae: torch.nn.Module) -> None:
    """Scale what untrained layers barely pass on, so that prompts move images and images aren't plain grey."""
    import torch

    with torch.no_grad():
        for name, weight in unet.named_parameters():
            if ".attn2." in name:
                weight.mul_(6)
        vae.get_parameter("decoder.conv_out.weight").mul_(3)


def _clip_tokenizer() -> Any:
    """CLIP's byte-level tokenizer over single bytes: every text has tokens, and a token is a letter."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={token: i for i, token in enumerate(tokens)}, merges=[], model_max_length=77)


def _t5_tokenizer() -> Any:
    """T5's unigram tokenizer over letters and a few words."""
    import string

    from transformers import T5Tokenizer

    special = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0)]
    letters = [(letter, -8.0) for letter in ["▁", *string.ascii_letters, *string.digits, *string.punctuation]]
    words = [(f"{start}{word}", -4.0) for word in _WORDS.split() if len(word) > 1 for start in ("▁", "")]
    return T5Tokenizer(vocab=[*special, *letters, *words], extra_ids=0)
