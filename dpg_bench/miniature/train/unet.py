"""Stable Diffusion's U-Net at small size, trained to draw scenes that it is told as tokens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.sampling import draw_scene
from dpg_bench.miniature.train.denoising import WIDTH, Noised, new_scheduler, noised, weighted
from dpg_bench.miniature.train.latents import SCENES, read_latents, scene_name
from dpg_bench.miniature.train.loop import Schedule
from dpg_bench.miniature.train.scene_tokens import SceneTokens, nothing_told, tell

SCHEDULE = Schedule(seed=56, steps=6000, learning_rate=1e-3, warmup=300, average=0.999)
IMAGES = 24
_UNTOLD = 0.1
_SHARES = (1.0, 1.0, 0.8, 0.5)


class UNetTask:
    """The training of the U-Net, and of the tokens it is told by, over the folder of latents.

    `latents` are those of all scenes, float16 (N, 4, H, W).
    """

    def __init__(self, latents: Path, *, images: int = IMAGES, scenes: int = SCENES, device: str = "cpu") -> None:
        self.latents = read_latents(latents, scenes=scenes).to(device)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SCHEDULE.seed)
            self.tokens = SceneTokens(WIDTH)
            self.unet = new_unet()
        self._trained = nn.ModuleList([self.tokens, self.unet]).to(device)
        self.scheduler = new_scheduler()
        self.draw = DrawTold(images, scenes)

    @property
    def trained(self) -> nn.Module:
        """Tokens and U-Net."""
        return self._trained

    def losses(self, shown: Told) -> Mapping[str, Tensor]:
        """As in `Task`: the error of the predicted noise."""
        at = self.noised(shown.scenes)
        return weighted(self.predicted(at, self.tokens(shown.facts.to(self.device))), at.noise, at.weights)

    @property
    def device(self) -> torch.device:
        """Where the latents are, and everything with them."""
        return self.latents.device

    def noised(self, scenes: Tensor) -> Noised:
        """The latents of scenes with these numbers (N), with noise."""
        return noised(self.scheduler, self.latents[scenes.to(self.device)].float())

    def predicted(self, at: Noised, condition: Tensor) -> Tensor:
        """The noise (N, 4, H, W) as the U-Net predicts it, told by tokens (N, T, WIDTH)."""
        noise: Tensor = self.unet(at.noisy, at.steps, condition).sample
        return noise


@dataclass(frozen=True, slots=True)
class Told:
    """Numbers of scenes (N), and of the facts that are told of each (N, 7, 16), now and then none."""

    scenes: Tensor
    facts: Tensor


@dataclass(frozen=True, slots=True)
class DrawTold:
    """Draws `images` of the first `scenes` scenes, and anew every time how much is told of each."""

    images: int
    scenes: int

    def __call__(self, step: int) -> Told:
        dice = Dice(f"unet {SCHEDULE.seed} {step}")
        chosen = [dice.choice(range(self.scenes)) for _ in range(self.images)]
        facts = [
            nothing_told()
            if dice.chance(_UNTOLD)
            else tell(draw_scene(scene_name(number), held_out=False), dice, dice.choice(_SHARES))
            for number in chosen
        ]
        return Told(torch.tensor(chosen), torch.stack(facts))


def new_unet() -> Any:
    """An untrained U-Net, from torch's global generator: 2 million parameters."""
    from diffusers import UNet2DConditionModel

    return UNet2DConditionModel(
        sample_size=16,
        block_out_channels=(32, 96),
        layers_per_block=1,
        down_block_types=("DownBlock2D", "CrossAttnDownBlock2D"),
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
        attention_head_dim=(2, 4),
        cross_attention_dim=WIDTH,
        norm_num_groups=16,
    )
