"""Questions for training and testing a judge: true ones and false ones of every category, the false ones hard.

A false question mostly takes a true one's words from the same scene and binds them wrongly: the star's colour said of
the house, left said for right, a letter that the sign doesn't show.
"""

from __future__ import annotations

from collections.abc import Mapping

from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.facts import (
    COLOR,
    COUNT,
    DIRECTIONS,
    GLOBAL,
    LINE_DRAWING,
    NIGHT_SCENE,
    NON_SPATIAL,
    NOUNS,
    OTHER,
    PART,
    SHAPE,
    SIZE,
    SPATIAL,
    STATE,
    TEXT,
    TEXTURE,
    WHOLE,
    Fact,
    holds,
    kind_of,
    noun_of,
)
from dpg_bench.miniature.scene import (
    BACKGROUNDS,
    COLORS,
    COUNTS,
    KINDS,
    LETTERS,
    NIGHT_BACKGROUND,
    PLACES,
    SIZES,
    TEXTURES,
    Link,
    Scene,
)

WEIGHTS = {
    WHOLE: 2.0,
    PART: 1.0,
    STATE: 1.2,
    COLOR: 1.6,
    TEXTURE: 1.0,
    SHAPE: 0.7,
    SIZE: 1.0,
    OTHER: 0.8,
    SPATIAL: 2.6,
    NON_SPATIAL: 1.0,
    COUNT: 1.0,
    TEXT: 1.2,
    GLOBAL: 0.8,
}
"""How often each category is asked in training: the harder, the more often."""

FIRST_WEIGHTS = {WHOLE: 5.0, COLOR: 2.0, GLOBAL: 1.0}
"""What is asked first: whether something is there can only be learned by finding it, which all else builds on."""

LAST_WEIGHTS = WEIGHTS | {PART: 3.0, OTHER: 1.6, TEXT: 2.4}
"""What is asked at last: more of what is answered worst, and seldom asked of scenes."""

_TRIES = 8
_ABSENT = 0.2
_LONELY = 0.15
"""How often a category is asked of a scene where nothing of it is true, lest the category alone tell the answer."""

_PAIRWISE = (*DIRECTIONS, "inside", "touching")


def draw_fact(scene: Scene, dice: Dice, weights: Mapping[str, float] = WEIGHTS) -> tuple[Fact, bool]:
    """A question for training with its answer, each answer as likely as the other, of categories with these weights."""
    while True:
        category = dice.weighted(weights)
        true = fact_of(category, scene, dice, true=True)
        if true is not None and dice.chance(0.5):
            return true, True
        false = fact_of(category, scene, dice, true=False)
        if false is not None and (true is not None or dice.chance(_LONELY)):
            return false, False


def fact_of(category: str, scene: Scene, dice: Dice, *, true: bool) -> Fact | None:
    """A fact of the category that holds in the scene, or doesn't; None if the scene offers none."""
    absent = not true and dice.chance(_ABSENT)
    for _ in range(_TRIES):
        noun = _noun(category, scene, dice, true=true, absent=absent)
        fact = None if noun is None else _CANDIDATES.get(category, _property)(category, noun, scene, dice, true)
        if fact is not None and holds(fact, scene) == true:
            return fact
    return None


def _noun(category: str, scene: Scene, dice: Dice, *, true: bool, absent: bool) -> str | None:
    """What to ask about: something in the scene that can have what the category asks for, or `absent`, anything."""
    if absent:
        return dice.choice([noun for noun in NOUNS if _can_be(category, kind_of(noun))])
    able = [thing for thing in scene.things if _can_be(category, thing.kind)]
    if category == COUNT and true:
        able = [thing for thing in able if thing.count > 1]
    if not able:
        return None
    thing = dice.choice(able)
    return noun_of(thing) if dice.chance(0.9) else thing.kind


def _global(category: str, _: str, __: Scene, dice: Dice, ___: bool) -> Fact | None:
    backgrounds = [f"{name} background" for name in (*BACKGROUNDS, NIGHT_BACKGROUND)]
    return Fact(category, "", dice.choice([LINE_DRAWING, NIGHT_SCENE, *backgrounds]))


def _whole(category: str, noun: str, _: Scene, dice: Dice, true: bool) -> Fact | None:
    return Fact(category, noun if true else dice.choice(NOUNS))


def _count(category: str, noun: str, scene: Scene, dice: Dice, true: bool) -> Fact | None:
    thing = scene.find(kind_of(noun))
    number = thing.count if true and thing is not None else dice.choice(list(COUNTS))
    return Fact(category, KINDS[kind_of(noun)].plural, str(number))


def _property(category: str, noun: str, scene: Scene, dice: Dice, true: bool) -> Fact | None:
    thing = scene.find(kind_of(noun))
    can = KINDS[kind_of(noun)]
    if true and thing is not None:
        values = {PART: thing.parts, OTHER: ("tilted",) if thing.tilted else ()}.get(category)
        only = {
            STATE: thing.state,
            SHAPE: thing.shape,
            COLOR: thing.color,
            TEXTURE: thing.texture,
            SIZE: thing.size,
            TEXT: thing.letter,
        }.get(category)
        values = values if values is not None else (only,) if only is not None else ()
    else:
        values = {
            PART: can.parts,
            STATE: can.states,
            SHAPE: can.shapes,
            COLOR: COLORS,
            TEXTURE: TEXTURES,
            SIZE: SIZES,
            OTHER: ("tilted",),
            TEXT: LETTERS,
        }[category]
    return Fact(category, noun, dice.choice(values)) if values else None


def _non_spatial(category: str, noun: str, scene: Scene, dice: Dice, true: bool) -> Fact | None:
    if true:
        links = [link for link in scene.links if link.relation in ("holding", "pointing at")]
        if not links:
            return None
        link = dice.choice(links)
        return Fact(category, link.subject, _noun_in(scene, link.object), link.relation)
    others = [noun_of(thing) for thing in scene.things if thing.kind != kind_of(noun)]
    target = dice.choice(others if others and dice.chance(0.75) else NOUNS)
    return _between(category, noun, target, "holding" if noun == "person" else "pointing at")


def _spatial(category: str, noun: str, scene: Scene, dice: Dice, true: bool) -> Fact | None:
    others = [noun_of(thing) for thing in scene.things if thing.kind != kind_of(noun)]
    links = [link for link in scene.links if link.relation in ("inside", "touching")]
    if dice.chance(0.35) or (true and not others):
        return Fact(category, noun, dice.choice(PLACES), "in")
    if links and dice.chance(0.35):
        return _linked(category, dice.choice(links), scene, dice, true=true)
    other = dice.choice(others if others and (true or dice.chance(0.85)) else NOUNS)
    return _between(category, noun, other, dice.choice(DIRECTIONS if dice.chance(0.85) else _PAIRWISE))


def _linked(category: str, link: Link, scene: Scene, dice: Dice, *, true: bool) -> Fact | None:
    """A question near a link: the link itself, another relation of its two, or another thing in the place of one."""
    first, second = link.subject, link.object
    if link.relation == "touching" and dice.chance(0.5):
        first, second = second, first
    relation = link.relation
    if not true and dice.chance(0.5):
        first = dice.choice([thing.kind for thing in scene.things])
    elif not true:
        relation = dice.choice(_PAIRWISE)
    return _between(category, _noun_in(scene, first), _noun_in(scene, second), relation)


def _between(category: str, noun: str, other: str, relation: str) -> Fact | None:
    return None if kind_of(noun) == kind_of(other) else Fact(category, noun, other, relation)


def _noun_in(scene: Scene, kind: str) -> str:
    thing = scene.find(kind)
    return kind if thing is None else noun_of(thing)


_CANDIDATES = {WHOLE: _whole, COUNT: _count, SPATIAL: _spatial, NON_SPATIAL: _non_spatial, GLOBAL: _global}


def _can_be(category: str, kind: str) -> bool:
    can = KINDS[kind]
    return {
        PART: bool(can.parts),
        STATE: bool(can.states),
        SHAPE: bool(can.shapes),
        TEXT: kind == "sign",
        TEXTURE: can.textured,
        OTHER: can.tilts,
        COUNT: can.simple,
        NON_SPATIAL: kind in ("person", "arrow"),
    }.get(category, True)
