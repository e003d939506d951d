"""What the judge's image encoder is asked in training alone: which words are true of what each patch shows.

Yes/no answers teach an image encoder slowly, and what words refer to more slowly still. Here each image token is
compared with the text encoder's own word embeddings, so that both come to share a space, as contrastive training does
for image-text models (mPLUG, arXiv 2205.12005, section 3.2; CLIP, arXiv 2103.00020).

Letters: I images, P image tokens (class token first), D width, W words.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpg_bench.miniature.drawing.pen import SIZE
from dpg_bench.miniature.facts import noun_of
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
    TEXTURES,
    Scene,
    Thing,
)

_TOWARDS = ("[unused1]", "[unused2]", "[unused3]", "[unused4]")
"""Stand for an arrow's four directions, for which questions have no word."""

_USUAL_WORDS = 8


@dataclass(frozen=True, slots=True)
class WordLabels:
    """What is asked for: which of `words` are true of each of `side` × `side` patches."""

    words: tuple[str, ...]
    side: int

    @classmethod
    def of(cls, vocabulary: Sequence[str], *, patch: int) -> WordLabels:
        """For the words of the world that the vocabulary has, and patches of so many pixels."""
        return cls(tuple(word for word in _words() if word in vocabulary), SIZE // patch)

    def __call__(self, scenes: Sequence[Scene]) -> Tensor:
        """uint8 (I, P, W): 1 for a word that is true of the thing at a patch; the class token has the whole's."""
        row_of = {word: number for number, word in enumerate(self.words)}

        def one_hot(words: Sequence[str]) -> Tensor:
            row = torch.zeros(len(self.words), dtype=torch.uint8)
            row[[row_of[word] for word in words if word in row_of]] = 1
            return row

        labels = torch.zeros(len(scenes), 1 + self.side**2, len(self.words), dtype=torch.uint8)
        for image, scene in zip(labels, scenes, strict=True):
            image[0] = one_hot(_words_of_all(scene))
            grid = image[1:].view(self.side, self.side, -1)
            for thing in scene.things:
                grid[_patches(thing, scene, self.side)] = one_hot(_words_of(thing, scene))
        return labels


class PatchWords(nn.Module):
    """Finds words in image tokens, with a scale and a bias for each word as its only parameters."""

    ids: Tensor

    def __init__(self, words: Sequence[str], vocabulary: Sequence[str]) -> None:
        super().__init__()
        self.register_buffer("ids", torch.tensor([vocabulary.index(word) for word in words]), persistent=False)
        self.scale = nn.Parameter(torch.ones(()))
        self.bias = nn.Parameter(torch.full((len(words),), -3.0))

    def loss(self, tokens: Tensor, embeddings: Tensor, labels: Tensor) -> Tensor:
        """Cross-entropy of image tokens (I, P, D) about the words with these `embeddings` (vocabulary, D).

        `labels` are those of `WordLabels`, (I, P, W).
        """
        width = tokens.shape[-1]
        directions = functional.layer_norm(embeddings[self.ids], (width,))
        logits = self.scale * (tokens @ directions.T) * width**-0.5 + self.bias
        losses = functional.binary_cross_entropy_with_logits(logits, labels.to(logits))
        return losses * (len(self.ids) / _USUAL_WORDS)


def _words() -> list[str]:
    kinds = KINDS.values()
    words = [
        *KINDS,
        *(kind.plural for kind in kinds if kind.simple),
        *(value for kind in kinds for value in (*kind.shapes, *kind.states)),
        *(part.split()[-1] for kind in kinds for part in kind.parts),
        *COLORS,
        *TEXTURES,
        *SIZES,
        "tilted",
        *(letter.lower() for letter in LETTERS),
        *COUNTS.values(),
        *(word for place in PLACES for word in place.split()),
        *(link.split()[0] for link in LINKS),
        *_TOWARDS,
        *BACKGROUNDS,
        NIGHT_BACKGROUND,
        "night",
        "line",
    ]
    return list(dict.fromkeys(words))


def _words_of_all(scene: Scene) -> list[str]:
    styles = {"night": ["night"], "outline": ["line"]}
    return [scene.background, *styles.get(scene.style, [])]


def _words_of(thing: Thing, scene: Scene) -> list[str]:
    links = [
        link for link in scene.links if thing.kind in (link.subject, link.object) and link.relation != "pointing at"
    ]
    words = [
        thing.kind,
        noun_of(thing),
        thing.color,
        thing.texture,
        thing.size,
        thing.shape or "",
        thing.state or "",
        (thing.letter or "").lower(),
        COUNTS.get(thing.count, ""),
        "tilted" if thing.tilted else "",
        *(part.split()[-1] for part in thing.parts),
        *PLACES[thing.place].split(),
        *(link.relation for link in links),
    ]
    target = next((scene.find(link.object) for link in scene.links if link.subject == thing.kind == "arrow"), None)
    if target is not None:
        across, down = target.column - thing.column, target.row - thing.row
        words += ["pointing", _TOWARDS[(1 - across) if across else (2 - down)]]
    return words


def _patches(thing: Thing, scene: Scene, side: int) -> tuple[slice, slice]:
    """The patches of a thing, as rows and columns: its cell's, of which a held or framed thing has a part.

    What is held or framed comes behind its partner in a scene, and so takes its part of the cell from it.
    """
    half = side // 2
    top, left = thing.row * half, thing.column * half
    bound = {link.subject: "inside" for link in scene.links if link.relation == "inside"}
    bound |= {link.object: "holding" for link in scene.links if link.relation == "holding"}
    quarter = half // 4
    match bound.get(thing.kind):
        case "inside":
            return slice(top + quarter, top + half - quarter), slice(left + quarter, left + half - quarter)
        case "holding":
            return slice(top, top + half), slice(left + half // 2, left + half)
        case _:
            return slice(top, top + half), slice(left, left + half)
