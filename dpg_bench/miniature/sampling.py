"""Scenes drawn at random: two to four cells are filled, each with a thing, a group, or a pair that belongs together.

Whether a scene is held out is a property of the scene itself (a bit of its digest), so that nothing the judge or a
generator was trained on can come back in the suite, whatever the seeds.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.scene import (
    BACKGROUNDS,
    COLORS,
    COUNTS,
    KINDS,
    LETTERS,
    NIGHT_BACKGROUND,
    PLACES,
    TEXTURES,
    Link,
    Scene,
    Thing,
)

_HELD_OUT_SHARE = 16
_CELLS = {2: 0.25, 3: 0.4, 4: 0.35}
_STYLES = {"filled": 0.6, "outline": 0.2, "night": 0.2}
_CONTENTS = {"single": 0.62, "group": 0.16, "holder": 0.12, "frame": 0.1}
_HELD = ("circle", "star", "heart", "balloon", "moon")
_FRAMED = ("circle", "triangle", "star", "heart", "moon")
_WEIGHTS = {"sign": 2.5, "window": 1.5, "person": 0.4, "frame": 0.4, "arrow": 0.0}
_SINGLES = {name: _WEIGHTS.get(name, 1.0) for name in KINDS}
_ARROW_CHANCE = 0.3
_TOUCHING_CHANCE = 0.3


def draw_scene(seed: str, *, held_out: bool) -> Scene:
    """The scene that belongs to `seed`: one for training, or one that is held out from it."""
    dice = Dice(f"scene {seed}")
    while True:
        scene = _sample(dice)
        if is_held_out(scene) == held_out:
            return scene


def is_held_out(scene: Scene) -> bool:
    """Whether no training may use this scene: so for one in sixteen."""
    return hashlib.sha256(repr(scene).encode()).digest()[0] % _HELD_OUT_SHARE == 0


def _sample(dice: Dice) -> Scene:
    style = dice.weighted(_STYLES)
    places = dice.shuffled(range(len(PLACES)))[: dice.weighted(_CELLS)]
    things: list[Thing] = []
    links: list[Link] = []
    for place in places:
        used = {thing.kind for thing in things}
        cell, bound = _cell(dice, place, used)
        things += cell
        links += bound
    _turn_into_arrow(dice, things, links)
    _touch(dice, things, links)
    if style == "outline":
        things = [replace(thing, texture="plain") for thing in things]
    background = NIGHT_BACKGROUND if style == "night" else dice.choice(BACKGROUNDS)
    return Scene(tuple(things), tuple(links), background, style)


def _cell(dice: Dice, place: int, used: set[str]) -> tuple[list[Thing], list[Link]]:
    content = dice.weighted(_CONTENTS)
    if content == "group":
        kind = _unused(dice, [name for name, kind in KINDS.items() if kind.simple], used)
        return [replace(_thing(dice, kind, place, small=True), count=dice.choice(list(COUNTS)))], []
    if content == "holder" and "person" not in used:
        held = _unused(dice, _HELD, used)
        pair = [_thing(dice, "person", place), _thing(dice, held, place, small=True)]
        return pair, [Link("person", "holding", held)]
    if content == "frame" and "frame" not in used:
        framed = _unused(dice, _FRAMED, used)
        pair = [_thing(dice, "frame", place), _thing(dice, framed, place, small=True)]
        return pair, [Link(framed, "inside", "frame")]
    kind = dice.weighted({name: weight for name, weight in _SINGLES.items() if name not in used})
    thing = _thing(dice, kind, place, small=kind in _MAY_BE_SMALL and dice.chance(0.4))
    if thing.size == "large":
        thing = replace(_textured(dice, thing), tilted=KINDS[kind].tilts and dice.chance(0.3))
    return [thing], []


_MAY_BE_SMALL = ("box", "book", "tree", "cup", "fish", *(name for name, kind in KINDS.items() if kind.simple))
"""The others have details that would be too small to see."""


def _thing(dice: Dice, kind: str, place: int, *, small: bool = False) -> Thing:
    can = KINDS[kind]
    return Thing(
        kind=kind,
        place=place,
        color=dice.choice(COLORS),
        size="small" if small else "large",
        shape=dice.choice(can.shapes) if can.shapes else None,
        state=dice.choice(can.states) if can.states else None,
        parts=tuple(part for part in can.parts if dice.chance(0.5)),
        letter=dice.choice(LETTERS) if kind == "sign" else None,
    )


def _unused(dice: Dice, kinds: list[str] | tuple[str, ...], used: set[str]) -> str:
    return dice.choice([kind for kind in kinds if kind not in used])


def _turn_into_arrow(dice: Dice, things: list[Thing], links: list[Link]) -> None:
    """Now and then make a single thing an arrow that points at the thing, or the group, in the cell beside it."""
    if not dice.chance(_ARROW_CHANCE):
        return
    bound = {kind for link in links for kind in (link.subject, link.object)}
    free = [n for n, thing in enumerate(things) if thing.kind not in bound]
    pairs = [
        (n, target)
        for n in free
        for target in free
        if things[n].count == 1 and (things[n].row == things[target].row) != (things[n].column == things[target].column)
    ]
    if not pairs:
        return
    n, target = dice.choice(pairs)
    things[n] = Thing("arrow", things[n].place, dice.choice(COLORS), "large")
    links.append(Link("arrow", "pointing at", things[target].kind))


def _touch(dice: Dice, things: list[Thing], links: list[Link]) -> None:
    """Now and then put two things that touch in place of two single ones side by side."""
    bound = {kind for link in links for kind in (link.subject, link.object)}
    free = [n for n, thing in enumerate(things) if thing.count == 1 and thing.kind not in bound]
    pairs = [
        (n, m) for n in free for m in free if things[n].row == things[m].row and things[n].column < things[m].column
    ]
    if not pairs or not dice.chance(_TOUCHING_CHANCE):
        return
    pair = dice.choice(pairs)
    used = {thing.kind for n, thing in enumerate(things) if n not in pair}
    kinds = dice.shuffled([name for name, kind in KINDS.items() if kind.compact and name not in used])
    for n, kind in zip(pair, kinds, strict=False):
        things[n] = _textured(dice, _thing(dice, kind, things[n].place))
    links.append(Link(things[pair[0]].kind, "touching", things[pair[1]].kind))


def _textured(dice: Dice, thing: Thing) -> Thing:
    return replace(thing, texture=dice.choice(TEXTURES)) if KINDS[thing.kind].textured else thing
