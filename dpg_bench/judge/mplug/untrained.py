"""A vocabulary and random weights for an mPLUG model of any size, whose answers depend on image and question.

The language-model head is made so that every answer is one word out of four and then the end token, with a margin
that rounding can't cross as a rule.
"""

from __future__ import annotations

import math
import string

import torch
from torch import Tensor

from dpg_bench.judge.mplug.config import MplugConfig
from dpg_bench.judge.mplug.model import MplugModel, checkpoint_name
from dpg_bench.judge.mplug.tokenizer import END

ANSWERS = ("yes", "no", "two", "red")
HEAD = "text_decoder.cls.predictions.decoder"

_GAIN = 2.0
_WORDS = (
    "yes no two red is are there a an the in of on to and or with at by for from it its this that does do has have "
    "image picture photo painting style color blue green yellow black white small large big man woman person people "
    "one three four five left right above below behind front next tree sky water light wearing holding background"
)


def vocabulary(size: int | None = None) -> list[str]:
    """BERT's special tokens at their places, some words, all letters, and fillers up to `size` tokens (None: none)."""
    unused = [f"[unused{n}]" for n in range(1, 100)]
    letters = string.ascii_lowercase + string.digits
    pieces = [letter for letter in letters if letter != "a"] + [f"##{letter}" for letter in letters]
    tokens = ["[PAD]", *unused, "[UNK]", "[CLS]", "[SEP]", "[MASK]", *_WORDS.split(), *pieces, *"?.,'-"]
    return tokens + [f"[filler{n}]" for n in range((size or len(tokens)) - len(tokens))]


def draw_weights(
    config: MplugConfig, tokens: list[str], *, seed: int, sharpness: float = 1.0, image_scale: float = 0.35
) -> dict[str, Tensor]:
    """Every parameter of the model, drawn from `seed`; `tokens` is the vocabulary.

    `sharpness` is the gain of queries and keys, `image_scale` the deviation of image tokens at the text's width.
    """
    generator = torch.Generator().manual_seed(seed)
    with torch.device("meta"):
        shapes = {checkpoint_name(name): weight.shape for name, weight in MplugModel(config).named_parameters()}
    weights = {name: _draw(name, shape, generator, sharpness, image_scale) for name, shape in shapes.items()}
    answers = [tokens.index(word) for word in ANSWERS]
    only_answers = torch.zeros(len(tokens), 1)
    only_answers[answers] = 1
    weights[f"{HEAD}.weight"] *= only_answers
    weights[f"{HEAD}.bias"] = torch.full((len(tokens),), -20.0)
    weights[f"{HEAD}.bias"][answers] = 0.0
    weights[f"{HEAD}.bias"][END] = 12.0
    return weights


def _draw(name: str, shape: torch.Size, generator: torch.Generator, sharpness: float, image_scale: float) -> Tensor:
    """Normal weights scaled by their inputs and a gain, small biases, and LayerNorm as it starts out."""
    drawn = torch.randn(shape, generator=generator)
    if any(norm in name for norm in ("LayerNorm", "layer_norm", "ln_")):
        scale = image_scale if name.startswith("visn") else 1.0
        return torch.full(shape, scale) if name.endswith("weight") else torch.zeros(shape)
    if len(shape) == 1 or "embedding" in name:
        return drawn
    gain = sharpness if name.endswith(("query.weight", "key.weight")) else _GAIN
    return drawn * (gain / math.sqrt(math.prod(shape[1:])))
