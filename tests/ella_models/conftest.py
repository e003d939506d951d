"""Tiny untrained parts with the real architectures, and the golden ELLA checkpoint."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import huggingface_hub.constants
import pytest
import torch
from diffusers import (
    AutoencoderKL,
    ControlNetModel,
    DPMSolverMultistepScheduler,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel, T5Tokenizer

from ella_models import ConnectorConfig, EllaConnector, EllaStableDiffusionPipeline, T5TextEncoder
from ella_models.text_encoder import TextInput

TINY = ConnectorConfig(time_channel=8, time_embed_dim=24, width=32, layers=2, heads=4, num_latents=6, input_dim=16)


def _tiny_t5() -> T5TextEncoder:
    letters = [(letter, -3.0) for letter in "▁abcdefghijklmnopqrstuvwxyz.,"]
    vocabulary = [("<pad>", 0.0), ("</s>", 0.0), ("<unk>", 0.0), *letters]
    tokenizer = T5Tokenizer(vocab=vocabulary, extra_ids=0)
    torch.manual_seed(1)
    config = T5Config(
        vocab_size=len(vocabulary),
        d_model=16,
        d_kv=8,
        d_ff=32,
        num_layers=2,
        num_heads=2,
        feed_forward_proj="gated-gelu",
        is_encoder_decoder=False,
    )
    return T5TextEncoder(tokenizer, T5EncoderModel(config).eval())


def tiny_unet(**sizes: Any) -> UNet2DConditionModel:
    torch.manual_seed(2)
    given = {
        "sample_size": 8,
        "block_out_channels": (8, 16),
        "layers_per_block": 1,
        "norm_num_groups": 4,
        "attention_head_dim": 2,
        "cross_attention_dim": 32,
        "down_block_types": ("CrossAttnDownBlock2D", "DownBlock2D"),
        "up_block_types": ("UpBlock2D", "CrossAttnUpBlock2D"),
    }
    return UNet2DConditionModel(**(given | sizes)).eval()


def _tiny_stable_diffusion() -> StableDiffusionPipeline:
    unet = tiny_unet()
    vae = AutoencoderKL(
        block_out_channels=(8, 8),
        latent_channels=4,
        norm_num_groups=4,
        down_block_types=("DownEncoderBlock2D",) * 2,
        up_block_types=("UpDecoderBlock2D",) * 2,
    )
    words = ["a", "b", "a</w>", "b</w>", "<|startoftext|>", "<|endoftext|>"]
    clip = CLIPTextConfig(
        vocab_size=len(words),
        hidden_size=32,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        bos_token_id=4,
        eos_token_id=5,
        pad_token_id=5,
    )
    return StableDiffusionPipeline(
        vae=vae.eval(),
        unet=unet,
        text_encoder=CLIPTextModel(clip).eval(),
        tokenizer=CLIPTokenizer(
            vocab={word: index for index, word in enumerate(words)}, merges=[], model_max_length=77
        ),
        scheduler=DPMSolverMultistepScheduler(
            beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear", steps_offset=1
        ),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )


def _tiny_controlnet(seed: int) -> ControlNetModel:
    torch.manual_seed(seed)
    controlnet = ControlNetModel(
        block_out_channels=(8, 16),
        layers_per_block=1,
        norm_num_groups=4,
        attention_head_dim=2,
        cross_attention_dim=32,
        down_block_types=("CrossAttnDownBlock2D", "DownBlock2D"),
        conditioning_embedding_out_channels=(4, 8),
    )
    for parameter in controlnet.parameters():  # new ones end in zeros and change nothing
        if not parameter.any():
            torch.nn.init.normal_(parameter, std=0.2)
    return controlnet.eval()


def _tiny_connector() -> EllaConnector:
    torch.manual_seed(3)
    connector = EllaConnector.from_sizes(TINY)
    return connector.requires_grad_(False).eval()


@pytest.fixture(autouse=True)
def hub_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The Hub's switches as if `HF_HUB_OFFLINE` and `HF_HUB_CACHE` had been set before Python started."""
    cache = tmp_path / "hub"
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(cache))
    return cache


@pytest.fixture
def t5() -> T5TextEncoder:
    return _tiny_t5()


@pytest.fixture(scope="module")
def shared_t5() -> T5TextEncoder:
    """One encoder for all examples of a property; nothing may change it."""
    return _tiny_t5()


@pytest.fixture
def new_unet() -> Callable[..., UNet2DConditionModel]:
    return tiny_unet


@pytest.fixture
def stable_diffusion() -> StableDiffusionPipeline:
    return _tiny_stable_diffusion()


@pytest.fixture
def connector() -> EllaConnector:
    return _tiny_connector()


@pytest.fixture
def controlnets() -> list[ControlNetModel]:
    return [_tiny_controlnet(4), _tiny_controlnet(5)]


@pytest.fixture
def pipeline(
    stable_diffusion: StableDiffusionPipeline, connector: EllaConnector, t5: T5TextEncoder
) -> EllaStableDiffusionPipeline:
    pipe = EllaStableDiffusionPipeline(
        vae=stable_diffusion.vae,
        text_encoder=t5.model,
        tokenizer=t5.tokenizer,
        connector=connector,
        unet=stable_diffusion.unet,
        scheduler=stable_diffusion.scheduler,
    )
    pipe.set_progress_bar_config(disable=True)
    return pipe


@pytest.fixture(scope="session")
def saved_parts(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny base as diffusers saves it, in `sd/`, and the tiny text encoder in `t5/`; nothing may change them."""
    folder = tmp_path_factory.mktemp("parts")
    _tiny_stable_diffusion().save_pretrained(folder / "sd")
    t5 = _tiny_t5()
    t5.model.save_pretrained(folder / "t5")
    t5.tokenizer.save_pretrained(folder / "t5")
    return folder


@pytest.fixture
def authors_way() -> Callable[..., AbstractContextManager[None]]:
    return _authors_way


@contextmanager
def _authors_way(connector: EllaConnector, *models: torch.nn.Module) -> Iterator[None]:
    """ELLA's own script wraps the U-Net: every call makes its condition anew, for every row."""
    plain = [model.forward for model in models]

    def wrapped(forward: Callable[..., Any]) -> Callable[..., Any]:
        def call(sample: Any, timestep: Any, encoder_hidden_states: torch.Tensor, **kwargs: Any) -> Any:
            return forward(sample, timestep, connector(encoder_hidden_states, timestep), **kwargs)

        return call

    for model in models:
        model.forward = wrapped(model.forward)
    try:
        yield
    finally:
        for model, forward in zip(models, plain, strict=True):
            model.forward = forward


@pytest.fixture
def features(t5: T5TextEncoder) -> Callable[[list[str]], torch.Tensor]:
    """T5's features of texts at the fixed length."""

    def features(texts: list[str]) -> torch.Tensor:
        return t5.encode([TextInput(text, "fixed") for text in texts], device="cpu").states

    return features


@pytest.fixture
def draw() -> Callable[..., torch.Tensor]:
    """Final latents of a pipeline, at two steps unless told, one generator per image seeded from 0 on."""

    def draw(pipe: EllaStableDiffusionPipeline, prompts: str | list[str] | None, **settings: Any) -> torch.Tensor:
        ready = settings.get("prompt_embeds")
        rows = [prompts] if isinstance(prompts, str) else prompts or (() if ready is None else ready)
        count = len(rows) * settings.get("num_images_per_prompt", 1)
        chosen = {
            "num_inference_steps": 2,
            "output_type": "latent",
            "generator": [torch.Generator().manual_seed(seed) for seed in range(count)],
        }
        return pipe(prompts, **(chosen | settings)).images

    return draw


@pytest.fixture(scope="session")
def golden_pipeline_folder(golden: Path) -> Path:
    return golden / "ella" / "pipeline"


@pytest.fixture(scope="session")
def golden_cases(golden_pipeline_folder: Path) -> dict[str, Any]:
    return json.loads((golden_pipeline_folder / "cases.json").read_text(encoding="utf-8"))
