"""CLIP's text encoder at small size, trained as CLIP's was: by contrast, here of captions with what scenes hold.

It doesn't draw yet: the next stage goes on from here, and comes further than with a text encoder that knows no word.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpg_bench.miniature.captions import short_caption
from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.sampling import draw_scene
from dpg_bench.miniature.train.denoising import WIDTH
from dpg_bench.miniature.train.loop import Schedule
from dpg_bench.miniature.train.scene_tokens import SceneTokens, tell

SCHEDULE = Schedule(seed=58, steps=600, learning_rate=1e-3, warmup=50, average=0.98)
CAPTIONS = 128
_LOG_SCALE = 2.0


class ClipTask:
    """The training of the text encoder, over the tokenizer's folder and the tokens that the U-Net is told by.

    These stay as they are.
    """

    def __init__(self, tokenizer: Path, tokens: SceneTokens, *, captions: int = CAPTIONS, device: str = "cpu") -> None:
        from transformers import AutoTokenizer

        self.tokenizer: Any = AutoTokenizer.from_pretrained(tokenizer)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(SCHEDULE.seed)
            self.text_encoder = new_text_encoder(self.tokenizer)
            self._both = _BothSides()
        self._trained = nn.ModuleList([self.text_encoder, self._both]).to(device)
        self._tokens = tokens.requires_grad_(False)
        self._device = device
        self.draw = DrawDescribed(self.tokenizer, captions)

    @property
    def trained(self) -> nn.Module:
        """The text encoder, and what brings captions and scenes together."""
        return self._trained

    def losses(self, shown: Described) -> Mapping[str, Tensor]:
        """As in `Task`: the error of which caption is of which scene, in both directions; `right` by captions."""
        likeness = self.captioned(shown) @ self.told(shown).T * self._both.log_scale.exp()
        own = torch.arange(len(likeness), device=likeness.device)
        loss = functional.cross_entropy(likeness, own) + functional.cross_entropy(likeness.T, own)
        return {"loss": loss, "right": (likeness.argmax(1) == own).float().mean()}

    def captioned(self, shown: Described) -> Tensor:
        """The captions (N, WIDTH), each by its state at the end of its text, of length 1."""
        states = self.text_encoder(shown.tokens.to(self._device)).pooler_output
        return functional.normalize(self._both.captions(states), dim=-1)

    def told(self, shown: Described) -> Tensor:
        """The scenes (N, WIDTH), each by all that it holds, of length 1."""
        things = self._both.scenes(self._tokens(shown.facts.to(self._device)))
        return functional.normalize(things.sum(1), dim=-1)


class _BothSides(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.captions = nn.Linear(WIDTH, WIDTH)
        self.scenes = nn.Sequential(nn.Linear(WIDTH, 2 * WIDTH), nn.GELU(), nn.Linear(2 * WIDTH, WIDTH))
        self.log_scale = nn.Parameter(torch.tensor(_LOG_SCALE))


@dataclass(frozen=True, slots=True)
class Described:
    """CLIP's tokens (N, L) of short captions, to the length of the longest, and all facts (N, 7, 16) of the scenes."""

    tokens: Tensor
    facts: Tensor


@dataclass(frozen=True, slots=True)
class DrawDescribed:
    """Draws so many scenes, new ones every time, and a caption of each."""

    tokenizer: Any
    captions: int

    def __call__(self, step: int) -> Described:
        names = [f"clip {SCHEDULE.seed} {step} {number}" for number in range(self.captions)]
        scenes = [draw_scene(name, held_out=False) for name in names]
        captions = [short_caption(scene, name) for scene, name in zip(scenes, names, strict=True)]
        tokens = self.tokenizer(
            captions, padding="longest", max_length=77, truncation=True, return_tensors="pt"
        ).input_ids
        dice = Dice(f"clip {SCHEDULE.seed} {step}")
        return Described(tokens, torch.stack([tell(scene, dice, 1.0) for scene in scenes]))


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
