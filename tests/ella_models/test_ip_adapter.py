"""IP-Adapter adds its image tokens through the attention processors, beside ELLA's condition."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
import pytest
import torch
from diffusers import StableDiffusionPipeline, UNet2DConditionModel
from PIL import Image
from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

from ella_models import EllaConnector, EllaPipeline, T5TextEncoder

AuthorsWay = Callable[..., AbstractContextManager[None]]
Features = Callable[[list[str]], torch.Tensor]
TOKENS, WIDTH = 4, 32


def ip_adapter(unet: UNet2DConditionModel) -> dict[str, dict[str, torch.Tensor]]:
    """An untrained IP-Adapter, as its authors' files lay it out: odd numbers for the cross-attentions in order."""
    generator = torch.Generator().manual_seed(6)

    def weight(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator)

    modules = [name.removesuffix(".processor") for name in unet.attn_processors if name.endswith("attn2.processor")]
    attention: dict[str, torch.Tensor] = {}
    for number, name in enumerate(modules):
        inner = unet.get_submodule(name).to_k.out_features
        attention |= {f"{2 * number + 1}.to_{part}_ip.weight": weight(inner, WIDTH) for part in "kv"}
    projection = {
        "proj.weight": weight(TOKENS * WIDTH, WIDTH),
        "proj.bias": weight(TOKENS * WIDTH),
        "norm.weight": torch.ones(WIDTH),
        "norm.bias": torch.zeros(WIDTH),
    }
    return {"image_proj": projection, "ip_adapter": attention}


@pytest.fixture
def with_image(stable_diffusion: StableDiffusionPipeline) -> StableDiffusionPipeline:
    torch.manual_seed(7)
    sizes = CLIPVisionConfig(
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=1,
        num_attention_heads=2,
        image_size=16,
        patch_size=8,
        projection_dim=WIDTH,
    )
    stable_diffusion.register_modules(image_encoder=CLIPVisionModelWithProjection(sizes).eval())
    stable_diffusion.load_ip_adapter(ip_adapter(stable_diffusion.unet), subfolder="", weight_name="")
    stable_diffusion.set_progress_bar_config(disable=True)
    return stable_diffusion


def test_ip_adapter_equals_diffusers_own_with_the_authors_wrapped_unet(
    with_image: StableDiffusionPipeline,
    connector: EllaConnector,
    t5: T5TextEncoder,
    authors_way: AuthorsWay,
    features: Features,
) -> None:
    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (24, 24, 3), dtype=np.uint8))
    given = {"ip_adapter_image": picture, "num_inference_steps": 3, "guidance_scale": 5.0, "output_type": "pt"}
    with authors_way(connector, with_image.unet):
        expected = with_image(
            prompt_embeds=features(["a fox"]),
            negative_prompt_embeds=features([""]),
            generator=torch.Generator().manual_seed(0),
            **given,
        ).images
    ella = EllaPipeline.from_pipe(with_image, ella=connector, text_encoder=t5)
    ella.set_progress_bar_config(disable=True)

    def drawn(**more: Any) -> torch.Tensor:
        return ella("a fox", generator=torch.Generator().manual_seed(0), **(given | more)).images

    torch.testing.assert_close(drawn(), expected, atol=1e-5, rtol=0)
    other = Image.fromarray(255 - np.asarray(picture))
    assert not torch.allclose(drawn(ip_adapter_image=other), expected, atol=1e-4)
    ella.set_ip_adapter_scale(0.0)
    assert torch.equal(drawn(ip_adapter_image=other), drawn())
    ella.unload_ip_adapter()
    drawn(ip_adapter_image=None)


def test_an_ip_adapter_is_loaded_into_an_ella_pipeline(
    stable_diffusion: StableDiffusionPipeline, connector: EllaConnector, t5: T5TextEncoder
) -> None:
    ella = EllaPipeline.from_pipe(stable_diffusion, ella=connector, text_encoder=t5)
    ella.set_progress_bar_config(disable=True)
    ella.load_ip_adapter(ip_adapter(stable_diffusion.unet), subfolder="", weight_name="", image_encoder_folder=None)
    ready = torch.randn(2, 1, WIDTH)  # negative and positive, as with guidance
    for clip in (False, True):
        latents = ella(
            "a b", ip_adapter_image_embeds=[ready], clip=clip, num_inference_steps=2, output_type="latent"
        ).images
        assert latents.isfinite().all()
