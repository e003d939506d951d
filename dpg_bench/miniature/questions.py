"""Questions for training and testing a judge: true ones and false ones of every category, the false ones hard.

A false question mostly takes a true one's words from the same scene and binds them wrongly: the star's colour said of
the house, left said for right, a letter that the sign doesn't show.
"""

from __future__ import annotations

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
    is_plural,
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
    Scene,
    Thing,
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

_TRIES = 8
_ABSENT = 0.2
_LONELY = 0.15
"""How often a category is asked of a scene where nothing of it is true, lest the category alone tell the answer."""

_PAIRWISE = (*DIRECTIONS, "inside", "touching")


def draw_fact(scene: Scene, dice: Dice) -> tuple[Fact, bool]:
    """A question for training with its answer, each answer as likely as the other."""
    while True:
        category = dice.weighted(WEIGHTS)
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
        fact = _candidate(category, scene, dice, true=true, absent=absent)
        if fact is not None and holds(fact, scene) == true:
            return fact
    return None


def _candidate(category: str, scene: Scene, dice: Dice, *, true: bool, absent: bool) -> Fact | None:
    if category == GLOBAL:
        backgrounds = [f"{name} background" for name in (*BACKGROUNDS, NIGHT_BACKGROUND)]
        return Fact(GLOBAL, "", dice.choice([LINE_DRAWING, NIGHT_SCENE, *backgrounds]))
    thing: Thing | None = None
    able = [thing for thing in scene.things if _can_be(category, thing.kind)]
    if category == COUNT:
        able = [thing for thing in able if thing.count > 1 or not true]
    if absent:
        noun = dice.choice([noun for noun in NOUNS if _can_be(category, kind_of(noun))])
    elif able:
        thing = dice.choice(able)
        noun = noun_of(thing) if dice.chance(0.9) else thing.kind
    else:
        return None
    if category == WHOLE:
        return Fact(WHOLE, noun if true else dice.choice(NOUNS))
    if category == COUNT:
        number = thing.count if true and thing else dice.choice(list(COUNTS))
        return Fact(COUNT, KINDS[kind_of(noun)].plural, str(number))
    if category in (SPATIAL, NON_SPATIAL):
        return _relation(category, noun, scene, dice, true=true)
    if is_plural(noun) and category in (PART, STATE, SHAPE, TEXT):
        return None
    values = _true_values(category, thing) if true and thing else _values(category, kind_of(noun))
    return Fact(category, noun, dice.choice(values)) if values else None


def _relation(category: str, noun: str, scene: Scene, dice: Dice, *, true: bool) -> Fact | None:
    others = [noun_of(thing) for thing in scene.things if thing.kind != kind_of(noun)]
    if category == NON_SPATIAL:
        link = next((link for link in scene.links if link.relation in ("holding", "pointing at")), None)
        if true:
            links = [link for link in scene.links if link.relation in ("holding", "pointing at")]
            if not links:
                return None
            link = dice.choice(links)
            target = scene.find(link.object)
            return None if target is None else Fact(NON_SPATIAL, link.subject, noun_of(target), link.relation)
        subject = dice.choice([kind for kind in ("person", "arrow") if scene.find(kind)] or ["person", "arrow"])
        target_noun = dice.choice(others if others and dice.chance(0.75) else NOUNS)
        if kind_of(target_noun) == subject:
            return None
        return Fact(NON_SPATIAL, subject, target_noun, "holding" if subject == "person" else "pointing at")
    if dice.chance(0.35) or (true and not others):
        return Fact(SPATIAL, noun, dice.choice(PLACES), "in")
    links = [link for link in scene.links if link.relation in ("inside", "touching")]
    if links and dice.chance(0.35):
        link = dice.choice(links)
        if true or dice.chance(0.3):
            pair = (link.subject, link.object)
        else:
            pair = (dice.choice([link.subject, *[kind_of(other) for other in others]]), link.object)
        first, second = pair if link.relation == "inside" or dice.chance(0.5) else pair[::-1]
        if first == second:
            return None
        relation = link.relation if true or dice.chance(0.8) else dice.choice(_PAIRWISE)
        nouns = [noun_of(thing) if (thing := scene.find(kind)) else kind for kind in (first, second)]
        return Fact(SPATIAL, nouns[0], nouns[1], relation)
    other = dice.choice(others if others and (true or dice.chance(0.85)) else NOUNS)
    if kind_of(other) == kind_of(noun):
        return None
    return Fact(SPATIAL, noun, other, dice.choice(DIRECTIONS if dice.chance(0.85) else _PAIRWISE))


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
    }.get(category, True)


def _values(category: str, kind: str) -> tuple[str, ...]:
    can = KINDS[kind]
    return {
        PART: can.parts,
        STATE: can.states,
        SHAPE: can.shapes,
        COLOR: COLORS,
        TEXTURE: TEXTURES,
        SIZE: SIZES,
        OTHER: ("tilted",),
        TEXT: LETTERS,
    }[category]


def _true_values(category: str, thing: Thing) -> tuple[str, ...]:
    found = {
        PART: thing.parts,
        STATE: (thing.state,),
        SHAPE: (thing.shape,),
        COLOR: (thing.color,),
        TEXTURE: (thing.texture,),
        SIZE: (thing.size,),
        OTHER: ("tilted",) if thing.tilted else (),
        TEXT: (thing.letter,),
    }[category]
    return tuple(value for value in found if value is not None)
