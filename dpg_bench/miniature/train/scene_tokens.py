"""A scene as a few tokens, one of the whole and one of each thing: what the U-Net learns to draw from, before any text.

From captions alone a U-Net of this size must see some hundred thousand pictures until it heeds them: a caption leaves
out most of a picture, and the text encoder begins as ignorant. Told all of it, it heeds what it is told from the first
thousand steps on; the text encoder, and the connector, then learn to speak to it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor, nn

from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.scene import (
    BACKGROUNDS,
    COLORS,
    COUNTS,
    KINDS,
    LETTERS,
    LINKS,
    NIGHT_BACKGROUND,
    PLACES,
    SIZES,
    STYLES,
    TEXTURES,
    Scene,
    Thing,
)

_TOKENS = 7
"""The whole, and six things: four cells hold no more, as a person's and a frame's pair can be there once each."""

_FACTS = 16

_NOTHING, _WHOLE = "nothing", "the whole"


class SceneTokens(nn.Module):
    """Embeds facts' numbers (N, 7, 16), 0 for none, to tokens (N, 7, `width`): the sum of the facts, normalised."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.facts = nn.Embedding(len(_NUMBERS) + 1, width, padding_idx=0)
        self.norm = nn.LayerNorm(width)

    def forward(self, numbers: Tensor) -> Tensor:
        """The tokens."""
        tokens: Tensor = self.norm(self.facts(numbers).sum(2))
        return tokens


def nothing_told() -> Tensor:
    """The numbers (7, 16) of a picture of which nothing is told: that nothing is, seven times.

    A token that tells nothing is learned, and as long as any other: CLIP's states, all of one length, must be able to
    say it.
    """
    numbers = torch.zeros(_TOKENS, _FACTS, dtype=torch.long)
    numbers[:, 0] = _NUMBERS[_NOTHING]
    return numbers


def tell(scene: Scene, dice: Dice, share: float) -> Tensor:
    """The numbers (7, 16) of what is told of a scene: each thing's kind, and the `share` (0 to 1) of everything else.

    Of the things themselves the share that is told is halfway between this one and all.
    """
    things = [thing for thing in scene.things if dice.chance((1 + share) / 2)]
    tokens = [
        [_WHOLE, *_chosen([f"background {scene.background}", f"style {scene.style}"], dice, share)],
        *([f"kind {thing.kind}", *_chosen(_facts(thing, scene), dice, share)] for thing in things),
    ]
    numbers = nothing_told()
    for place, token in enumerate(tokens):
        numbers[place, : len(token)] = torch.tensor([_NUMBERS[fact] for fact in token], dtype=torch.long)
    return numbers


def _chosen(facts: Sequence[str], dice: Dice, share: float) -> list[str]:
    return [fact for fact in facts if dice.chance(share)]


def _facts(thing: Thing, scene: Scene) -> list[str]:
    return [
        f"color {thing.color}",
        f"size {thing.size}",
        f"count {thing.count}",
        f"texture {thing.texture}",
        f"place {thing.place}",
        f"tilted {thing.tilted}",
        f"shape {thing.shape}",
        f"state {thing.state}",
        f"letter {thing.letter}",
        *(f"part {part}" for part in thing.parts),
        *(f"{link.relation}, first" for link in scene.links if link.subject == thing.kind),
        *(f"{link.relation}, second" for link in scene.links if link.object == thing.kind),
    ]


def _all_facts() -> Iterator[str]:
    yield from (_NOTHING, _WHOLE)
    yield from (f"background {background}" for background in (*BACKGROUNDS, NIGHT_BACKGROUND))
    yield from (f"style {style}" for style in STYLES)
    yield from (f"kind {kind}" for kind in KINDS)
    yield from (f"color {color}" for color in COLORS)
    yield from (f"size {size}" for size in SIZES)
    yield from (f"count {count}" for count in (1, *COUNTS))
    yield from (f"texture {texture}" for texture in TEXTURES)
    yield from (f"place {place}" for place in range(len(PLACES)))
    yield from (f"tilted {tilted}" for tilted in (False, True))
    yield from (f"letter {letter}" for letter in (None, *LETTERS))
    for kind in KINDS.values():
        yield from (f"shape {shape}" for shape in (None, *kind.shapes))
        yield from (f"state {state}" for state in (None, *kind.states))
        yield from (f"part {part}" for part in kind.parts)
    yield from (f"{relation}, {role}" for relation in LINKS for role in ("first", "second"))


_NUMBERS = {fact: number for number, fact in enumerate(dict.fromkeys(_all_facts()), start=1)}
