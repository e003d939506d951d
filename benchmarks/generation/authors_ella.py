"""ELLA as its authors' `inference.py` at 3c228f1 calls it: the baseline of `generate.py`.

One prompt at a time with all its images; T5 for prompt and empty prompt; the connector inside every call of the U-Net,
for every image again; at flexible length, row by row. Written from the facts, not from the code.
"""

from __future__ import annotations

from typing import Any

import torch
from diffusers import StableDiffusionPipeline
from torch import Tensor, nn

from dpg_bench.generate.base import ImageRequest
from dpg_bench.generate.models.passes import noise_generators

FIXED_TOKENS = 128


class ConnectorInUNet(nn.Module):
    """A U-Net that is given text features and runs the connector itself, at every step."""

    def __init__(self, unet: Any, connector: Any) -> None:
        super().__init__()
        self.unet = unet
        self.connector = connector
        self.config = unet.config
        self.tokens: tuple[int, int] | None = None
        """At flexible length: how many of the features' positions are the negative prompt's, and the prompt's."""

    @property
    def dtype(self) -> torch.dtype:
        return self.unet.dtype

    @property
    def device(self) -> torch.device:
        return self.unet.device

    def forward(self, sample: Tensor, timestep: Tensor, encoder_hidden_states: Tensor, **settings: Any) -> Any:
        if self.tokens is None:
            condition = self.connector(encoder_hidden_states, timestep)
        else:
            half = len(encoder_hidden_states) // 2
            lengths = [self.tokens[0]] * half + [self.tokens[1]] * half
            rows = [
                self.connector(row[None, :length], timestep)
                for row, length in zip(encoder_hidden_states, lengths, strict=True)
            ]
            condition = torch.cat(rows)
        return self.unet(sample, timestep, encoder_hidden_states=condition, **settings)


class AuthorsElla:
    """ELLA's own way on the parts of one of our pipelines."""

    def __init__(self, ella: Any, *, flexible: bool, size: int, steps: int, guidance: float) -> None:
        self._ella = ella
        self._flexible = flexible
        self._settings = {
            "height": size,
            "width": size,
            "num_inference_steps": steps,
            "guidance_scale": guidance,
        }
        self._unet = ConnectorInUNet(ella.unet, ella.connector)
        # diffusers' own pipeline on the wrapped U-Net; it checks its parts' classes only when it loads them
        self._pipeline = StableDiffusionPipeline(
            vae=ella.vae,
            text_encoder=None,
            tokenizer=None,
            unet=self._unet,
            scheduler=ella.scheduler,
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
        self._pipeline.set_progress_bar_config(disable=True)

    @torch.no_grad()
    def make(self, requests: list[ImageRequest], *, output_type: str = "pil") -> list[Any]:
        """Images (or latents) of `requests`, prompt after prompt; those of a prompt stand together."""
        made: list[Any] = []
        for prompt in dict.fromkeys(request.prompt for request in requests):
            own = [request for request in requests if request.prompt == prompt]
            positive, negative = self._encode(prompt), self._encode("")
            self._unet.tokens = (negative.shape[1], positive.shape[1]) if self._flexible else None
            longest = max(negative.shape[1], positive.shape[1])
            made += self._pipeline(
                prompt_embeds=_padded(positive, longest).repeat(len(own), 1, 1),
                negative_prompt_embeds=_padded(negative, longest).repeat(len(own), 1, 1),
                generator=noise_generators(own),
                output_type=output_type,
                **self._settings,
            ).images
        return made

    def _encode(self, prompt: str) -> Tensor:
        """T5's features, (1, tokens, width): of 128 positions, padding included, or at flexible length of its own."""
        padding = {} if self._flexible else {"padding": "max_length", "max_length": FIXED_TOKENS, "truncation": True}
        tokens = self._ella.tokenizer(prompt, return_tensors="pt", **padding).to(self._ella.device)
        return self._ella.text_encoder(tokens.input_ids, attention_mask=tokens.attention_mask).last_hidden_state


def _padded(features: Tensor, length: int) -> Tensor:
    return nn.functional.pad(features, (0, 0, 0, length - features.shape[1]))
