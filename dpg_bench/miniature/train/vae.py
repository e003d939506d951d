"""The autoencoder: diffusers' `AutoencoderKL`, 64 × 64 px to latents (4, 16, 16), on pictures drawn anew."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpg_bench.miniature.drawing.pen import SIZE
from dpg_bench.miniature.drawing.picture import draw
from dpg_bench.miniature.sampling import draw_scene
from dpg_bench.miniature.train.loop import Schedule
from dpg_bench.miniature.train.pictures import pixels_of, signed

SCHEDULE = Schedule(seed=34, steps=2400, learning_rate=1e-3, warmup=100, average=0.995)
IMAGES = 16
_KL_WEIGHT = 1e-5
_EDGE_WEIGHT = 0.5
_MEASURED = 64
_NARROW = -30.0
"""Of the variance the logarithm, and the least that diffusers lets it be."""


class VaeTask:
    """The autoencoder's training."""

    def __init__(self, *, images: int = IMAGES, device: str = "cpu") -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SCHEDULE.seed)
            self.vae = new_vae().to(device)
        self.draw = DrawPictures(f"vae {SCHEDULE.seed}", images)

    @property
    def trained(self) -> nn.Module:
        """The autoencoder."""
        vae: nn.Module = self.vae
        return vae

    def losses(self, shown: Tensor) -> Mapping[str, Tensor]:
        """As in `Task`: absolute error of pixels and of their differences, and a trace of the divergence."""
        pixels = signed(shown.to(self.vae.device))
        posterior = self.vae.encode(pixels).latent_dist
        made = self.vae.decode(posterior.sample()).sample
        error = (made - pixels).abs().mean()
        edges = sum(functional.l1_loss(made.diff(dim=axis), pixels.diff(dim=axis)) for axis in (2, 3))
        divergence = posterior.kl().mean()
        loss = error + _EDGE_WEIGHT * edges + _KL_WEIGHT * divergence
        return {"loss": loss, "error": error, "divergence": divergence}

    def export(self, folder: Path) -> None:
        """Write the autoencoder in float16; its scaling factor makes latents about as large as the noise.

        It encodes to the mean: at so few pixels the spread it was trained with would drown what a U-Net can learn of
        the last, least noisy steps, and all that a connector can.
        """
        with torch.no_grad():
            means = self.vae.cpu().encode(signed(DrawPictures("scaling", _MEASURED)(0))).latent_dist.mean
        self.vae.register_to_config(scaling_factor=round(1 / means.std().item(), 4))
        narrow_posterior(self.vae)
        self.vae.half().save_pretrained(folder)


def new_vae() -> Any:
    """An untrained autoencoder, from torch's global generator."""
    from diffusers import AutoencoderKL

    return AutoencoderKL(
        sample_size=SIZE,
        block_out_channels=(24, 48, 64),
        layers_per_block=1,
        down_block_types=("DownEncoderBlock2D",) * 3,
        up_block_types=("UpDecoderBlock2D",) * 3,
        latent_channels=4,
        norm_num_groups=8,
    )


@torch.no_grad()
def narrow_posterior(vae: Any) -> None:
    """Let an autoencoder encode to the mean, with next to no spread."""
    means = vae.config.latent_channels
    vae.quant_conv.weight[means:] = 0
    vae.quant_conv.bias[means:] = _NARROW


@dataclass(frozen=True, slots=True)
class DrawPictures:
    """Pictures of training scenes, `images` of them, uint8 (N, 64, 64, 3)."""

    seed: str
    images: int

    def __call__(self, step: int) -> Tensor:
        names = [f"{self.seed} {step} {n}" for n in range(self.images)]
        return pixels_of([draw(draw_scene(name, held_out=False), name) for name in names])
