"""How prompts are rewritten: an instruction, and examples in context.

The built-in recipe follows ELLA's README in kind (TencentQQGYLab/ELLA at 3c228f1: an instruction and four short → long
examples for a chat model; three to five sentences that say colour, shape, texture or place of every object, and nothing
of the atmosphere). Its words are our own, so scores from it compare with ELLA's in manner, not to the digit.
"""

from __future__ import annotations

import hashlib
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import decoded, read_content, validated
from dpg_bench.language.base import Turn

_LARGEST = 1 << 16  # bytes; the time for a key of many parts grows with their square
_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=20_000)]


class Example(BaseModel):
    """A prompt, and the same rewritten."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    short: _Text
    long: _Text


class _RecipeFile(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    instruction: _Text
    examples: tuple[Example, ...] = ()


@dataclass(frozen=True, slots=True)
class Recipe:
    """An instruction and examples, under a name."""

    name: str
    instruction: str
    examples: tuple[Example, ...]

    @property
    def label(self) -> str:
        """The name and the start of the SHA-256 of the words, `dense@0123456789ab`."""
        words = [self.instruction, [[example.short, example.long] for example in self.examples]]
        digest = hashlib.sha256(json.dumps(words, ensure_ascii=True).encode()).hexdigest()
        return f"{self.name}@{digest[:12]}"

    def conversation(self, prompt: str) -> tuple[Turn, ...]:
        """What a chat model is asked about `prompt`: the examples as turns, the instruction before the first."""
        turns: list[Turn] = []
        for example in self.examples:
            turns += [Turn("user", example.short), Turn("assistant", example.long)]
        turns.append(Turn("user", prompt))
        # Not as a system turn, which some models' templates don't know.
        return (Turn("user", f"{self.instruction}\n\n{turns[0].text}"), *turns[1:])


DENSE = Recipe(
    name="dense",
    instruction=(
        "You write prompts for a text-to-image model. You are given a short description of an image; write it out as "
        "one paragraph of three to five sentences. Keep every object, number, attribute and relation that is given, "
        "and contradict none. Say of each object what can be seen of it: its colour, its shape, its material or "
        "texture, and where it is in relation to the others. Name the background. Do not write of mood, meaning, sound "
        "or smell, and do not praise the image. Answer with the paragraph alone."
    ),
    examples=(
        Example(
            short="two cups on a windowsill",
            long=(
                "Two ceramic cups stand side by side on a white wooden windowsill. The left cup is dark blue with a "
                "round handle, and the right one is cream-coloured with thin brown stripes around its rim. Behind "
                "them, through a square window pane, grey roofs lie under a pale sky. The painted wood below the cups "
                "has fine cracks."
            ),
        ),
        Example(
            short="a heron fishing at dawn",
            long=(
                "A tall grey heron stands on one thin leg in shallow water, its long yellow beak pointed down at the "
                "surface. The water is flat and reflects an orange band of sky. Green reeds with brown tips grow in a "
                "row along the bank behind the bird. Low white mist covers the far shore."
            ),
        ),
        Example(
            short="an old tram in the snow",
            long=(
                "A short, rounded tram with a red lower half and a cream upper half stands on rails in the middle of a "
                "street. Snow lies in a smooth layer on its curved roof and in two ridges beside the rails. A single "
                "round lamp is lit on its front, above a black metal bumper. To the left and right of the street are "
                "brick houses with dark windows."
            ),
        ),
        Example(
            short="chess pieces made of vegetables",
            long=(
                "Chess pieces carved from vegetables stand on a wooden board with light and dark squares. In front is "
                "a row of small orange carrot pawns with rounded heads. Behind them, a tall king cut from a purple "
                "aubergine stands beside a queen made of a pale green courgette. On the far side of the board are "
                "pieces of white radish with red skin on their tops."
            ),
        ),
    ),
)


def find_recipe(name: str | None) -> Recipe:
    """The built-in recipe, or that in the TOML file at `name`: `instruction`, and `[[examples]]` with `short`, `long`.

    Raises BadInputError if the file can't be read or holds something else.
    """
    if name is None or name == DENSE.name:
        return DENSE
    path = Path(name).expanduser()
    if not path.is_file():
        raise BadInputError(f"There is no recipe '{name}': it must be {DENSE.name}, or a TOML file.")
    text = read_content(path)
    if len(text) > _LARGEST:
        raise BadInputError(f"{path} has {len(text)} bytes; a recipe has at most {_LARGEST}.")
    try:
        content = tomllib.loads(decoded(text, str(path)))
    except (ValueError, RecursionError) as error:  # ValueError alone: a number of thousands of digits
        raise BadInputError(f"{path} is no TOML: {error}.") from None
    found = validated(_RecipeFile, content, str(path))
    return Recipe(path.stem, found.instruction, found.examples)
