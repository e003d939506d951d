"""`mini-sd15`: CLIP's text encoder and Stable Diffusion's U-Net at small size, trained together on short captions.

The noise schedule ends at 0.02 rather than 0.012: with so few latents, what remains of the picture at the last step
would else tell its brightness, which pure noise at the start of sampling doesn't, and night scenes came out grey.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dpg_bench.miniature.captions import short_caption
from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.sampling import draw_scene
from dpg_bench.miniature.train.latents import SCENES, read_latents, scene_name
from dpg_bench.miniature.train.loop import Schedule

SCHEDULE = Schedule(seed=56, steps=7500, learning_rate=6e-4, warmup=300, average=0.999)
WIDTH = 128
"""Of the text condition: CLIP's states, and later the connector's tokens."""

IMAGES = 128
_NO_CAPTION = 0.1
_MOST_WEIGHT = 5.0


class DiffusionTask:
    """The training of text encoder and U-Net, over the folders of tokenizer and latents."""

    def __init__(
        self, tokenizer: Path, latents: Path, *, images: int = IMAGES, scenes: int = SCENES, device: str = "cpu"
    ) -> None:
        from transformers import AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer)
        self._latents = read_latents(latents, scenes=scenes).to(device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SCHEDULE.seed)
            self.text_encoder = new_text_encoder(self.tokenizer)
            self.unet = new_unet()
        self.scheduler = new_scheduler()
        self._trained = nn.ModuleList([self.text_encoder, self.unet]).to(device)
        self._signal = self.scheduler.alphas_cumprod.to(device)
        self.draw = DrawCaptions(self.tokenizer, images, scenes)

    @property
    def trained(self) -> nn.Module:
        """Text encoder and U-Net."""
        return self._trained

    def losses(self, shown: Captioned) -> Mapping[str, Tensor]:
        """As in `Task`: the error of the predicted noise, plain and weighted by the clipped signal-to-noise ratio.

        The weights are min(SNR, 5) / SNR (Hang et al., arXiv 2303.09556).
        """
        device = self._latents.device
        latents = self._latents[shown.scenes.to(device)].float()
        noise = torch.randn_like(latents)
        steps = torch.randint(len(self._signal), (len(latents),), device=device)
        noisy = self.scheduler.add_noise(latents, noise, steps)
        condition = self.text_encoder(shown.tokens.to(device))[0]
        predicted = self.unet(noisy, steps, condition).sample
        error = (predicted - noise).square().mean((1, 2, 3))
        signal = self._signal[steps]
        ratio = signal / (1 - signal)
        weights = ratio.clamp(max=_MOST_WEIGHT) / ratio
        return {"loss": (weights * error).mean(), "error": error.mean()}

    def export(self, vae: Any, folder: Path) -> None:
        """Write the whole pipeline, in float16."""
        from diffusers import StableDiffusionPipeline

        pipeline = StableDiffusionPipeline(
            vae=vae,
            text_encoder=self.text_encoder,
            tokenizer=self.tokenizer,
            unet=self.unet,
            scheduler=self.scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.to("cpu", dtype=torch.float16)
        pipeline.save_pretrained(folder)


@dataclass(frozen=True, slots=True)
class Captioned:
    """Numbers of scenes (N), and CLIP's tokens (N, 77) of a short caption of each, now and then an empty one."""

    scenes: Tensor
    tokens: Tensor


@dataclass(frozen=True, slots=True)
class DrawCaptions:
    """Draws `images` of the first `scenes` scenes, with a caption that is written anew every time."""

    tokenizer: Any
    images: int
    scenes: int

    def __call__(self, step: int) -> Captioned:
        dice = Dice(f"diffusion {SCHEDULE.seed} {step}")
        chosen = [dice.choice(range(self.scenes)) for _ in range(self.images)]
        captions = [
            ""
            if dice.chance(_NO_CAPTION)
            else short_caption(draw_scene(scene_name(number), held_out=False), f"{number} {step}")
            for number in chosen
        ]
        tokens = self.tokenizer(
            captions, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
        ).input_ids
        return Captioned(torch.tensor(chosen), tokens)


def new_text_encoder(tokenizer: Any) -> Any:
    """An untrained text encoder, from torch's global generator."""
    from transformers import CLIPTextConfig, CLIPTextModel

    return CLIPTextModel(
        CLIPTextConfig(
            vocab_size=len(tokenizer),
            hidden_size=WIDTH,
            intermediate_size=2 * WIDTH,
            num_hidden_layers=3,
            num_attention_heads=4,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            pad_token_id=tokenizer.pad_token_id,
        )
    )


def new_unet() -> Any:
    """An untrained U-Net, from torch's global generator: 4 million parameters."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(64, 128),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        cross_attention_dim=WIDTH,
        norm_num_groups=16,
    )


def new_scheduler() -> Any:
    """Stable Diffusion 1.5's scheduler, but for its last noise level."""
    from diffusers import PNDMScheduler

    return PNDMScheduler(
        beta_start=0.00085,
        beta_end=0.02,
        beta_schedule="scaled_linear",
        num_train_timesteps=1000,
        skip_prk_steps=True,
        set_alpha_to_one=False,
        steps_offset=1,
    )
