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
from dpg_bench.miniature.train.denoising import WIDTH, weighted
from dpg_bench.miniature.train.latents import scene_name
from dpg_bench.miniature.train.loop import Schedule
from dpg_bench.miniature.train.scene_tokens import nothing_told, tell
from dpg_bench.miniature.train.unet import UNetTask

SCHEDULE = Schedule(seed=57, steps=1500, learning_rate=1e-3, warmup=300, average=0.998)
IMAGES = 24
_NO_CAPTION = 0.1


class TextEncoderTask:
    """The training of the text encoder, over the tokenizer's folder and a trained U-Net, which stays as it is.

    Its target is not the noise, but what the U-Net predicts when it is told the scene: the same on average, since that
    is the noise as far as picture and scene tell it, without the chance that drowns what a caption tells of it.
    """

    def __init__(self, tokenizer: Path, told: UNetTask, *, images: int = IMAGES) -> None:
        from transformers import AutoTokenizer

        drawing = AutoTokenizer.from_pretrained(tokenizer)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SCHEDULE.seed)
            self.text_encoder = new_text_encoder(drawing).to(told.device)
        self._tokenizer = tokenizer
        self._told = told
        told.trained.requires_grad_(False).eval()
        self.draw = DrawCaptions(drawing, images, len(told.latents))

    @property
    def trained(self) -> nn.Module:
        """The text encoder."""
        encoder: nn.Module = self.text_encoder
        return encoder

    def losses(self, shown: Captioned) -> Mapping[str, Tensor]:
        """As in `Task`: the error of what the U-Net predicts by captions, where it is right to be told the scene."""
        told = self._told
        at = told.noised(shown.scenes)
        with torch.no_grad():
            wanted = told.predicted(at, told.tokens(shown.facts.to(told.device)))
        predicted = told.predicted(at, self.text_encoder(shown.tokens.to(told.device))[0])
        return weighted(predicted, wanted, at.weights)

    def export(self, vae: Any, folder: Path) -> None:
        """Write the whole pipeline, in float16."""
        from diffusers import StableDiffusionPipeline
        from transformers import AutoTokenizer

        for module in (vae, self.text_encoder, self._told.unet):
            module.cpu().half()
        vae.register_to_config(_name_or_path="")  # which would be the folder that it was trained in
        pipeline = StableDiffusionPipeline(
            vae=vae,
            text_encoder=self.text_encoder,
            tokenizer=AutoTokenizer.from_pretrained(self._tokenizer),  # a used one would keep how it padded
            unet=self._told.unet,
            scheduler=self._told.scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        pipeline.save_pretrained(folder)


@dataclass(frozen=True, slots=True)
class Captioned:
    """Numbers of scenes (N), CLIP's tokens (N, 77) of a short caption of each, and all facts (N, 7, 16) of each.

    Now and then the caption is empty, and no facts are told.
    """

    scenes: Tensor
    tokens: Tensor
    facts: Tensor


@dataclass(frozen=True, slots=True)
class DrawCaptions:
    """Draws `images` of the first `scenes` scenes, with a caption that is written anew every time."""

    tokenizer: Any
    images: int
    scenes: int

    def __call__(self, step: int) -> Captioned:
        dice = Dice(f"text encoder {SCHEDULE.seed} {step}")
        chosen = [dice.choice(range(self.scenes)) for _ in range(self.images)]
        captions, facts = [], []
        for number in chosen:
            scene = draw_scene(scene_name(number), held_out=False)
            captioned = not dice.chance(_NO_CAPTION)
            captions.append(short_caption(scene, f"{number} {step}") if captioned else "")
            facts.append(tell(scene, dice, 1.0) if captioned else nothing_told())
        tokens = self.tokenizer(
            captions, padding="max_length", max_length=77, truncation=True, return_tensors="pt"
        ).input_ids
        return Captioned(torch.tensor(chosen), tokens, torch.stack(facts))


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
