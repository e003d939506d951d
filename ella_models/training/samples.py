"""The sample grid: a row for each prompt, a column for each seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from diffusers import DDIMScheduler
from PIL import Image

from ella_models import EllaStableDiffusionPipeline
from ella_models.connector import EllaConnector
from ella_models.training.config import ValidationSection
from ella_models.training.files import whole_file


class Samples:
    """Draws with the connector as it stands, always the same prompts from the same noise."""

    def __init__(self, section: ValidationSection, *, size: int, parts: dict[str, Any]) -> None:
        self._section, self._size, self._parts = section, size, parts

    def write(self, connector: EllaConnector, file: Path) -> None:
        """Draw the grid into a PNG file."""
        section, size = self._section, self._size
        as_sampled = {"clip_sample": False, "set_alpha_to_one": False}
        scheduler = DDIMScheduler.from_config(self._parts["scheduler"].config, **as_sampled)
        pipeline = EllaStableDiffusionPipeline(**{**self._parts, "scheduler": scheduler}, connector=connector)
        pipeline.set_progress_bar_config(disable=True)
        grid = Image.new("RGB", (size * len(section.seeds), size * len(section.prompts)))
        for row, prompt in enumerate(section.prompts):
            for column, seed in enumerate(section.seeds):
                drawn: Any = pipeline(
                    prompt,
                    height=size,
                    width=size,
                    num_inference_steps=section.sample_steps,
                    guidance_scale=section.guidance_scale,
                    generator=torch.Generator().manual_seed(seed),
                )
                grid.paste(drawn.images[0], (column * size, row * size))
        with whole_file(file) as unfinished:
            grid.save(unfinished, format="PNG")
