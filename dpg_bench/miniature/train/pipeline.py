"""`mini-sd15`: CLIP's text encoder at small size, trained on short captions in front of the U-Net, and the pipeline."""

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
from dpg_bench.miniature.train.denoising import WIDTH, new_scheduler, noise_losses
from dpg_bench.miniature.train.latents import SCENES, read_latents, scene_name
from dpg_bench.miniature.train.loop import Schedule

SCHEDULE = Schedule(seed=57, steps=1500, learning_rate=1e-3, warmup=300, average=0.998)
IMAGES = 24
_NO_CAPTION = 0.1


class TextEncoderTask:
    """The training of the text encoder, over the folders of tokenizer, latents and the U-Net, which stays as it is."""

    def __init__(
        self,
        tokenizer: Path,
        latents: Path,
        unet: Path,
        *,
        images: int = IMAGES,
        scenes: int = SCENES,
        device: str = "cpu",
    ) -> None:
        from diffusers import UNet2DConditionModel
        from transformers import AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer)
        self._latents = read_latents(latents, scenes=scenes).to(device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SCHEDULE.seed)
            self.text_encoder = new_text_encoder(self.tokenizer).to(device)
        self.unet: Any = UNet2DConditionModel.from_pretrained(unet).requires_grad_(False).to(device)
        self.scheduler = new_scheduler()
        self.draw = DrawCaptions(self.tokenizer, images, scenes)

    @property
    def trained(self) -> nn.Module:
        """The text encoder."""
        encoder: nn.Module = self.text_encoder
        return encoder

    def losses(self, shown: Captioned) -> Mapping[str, Tensor]:
        """As in `Task`: see `noise_losses`."""
        device = self._latents.device
        latents = self._latents[shown.scenes.to(device)].float()
        return noise_losses(self.unet, self.scheduler, latents, self.text_encoder(shown.tokens.to(device))[0])

    def export(self, vae: Any, folder: Path) -> None:
        """Write the whole pipeline, in float16."""
        from diffusers import StableDiffusionPipeline

        for module in (vae, self.text_encoder, self.unet):
            module.cpu().half()
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
        dice = Dice(f"text encoder {SCHEDULE.seed} {step}")
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
