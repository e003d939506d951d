"""Scenes that satisfy a known share of a prompt's graph: the prompt's own scene, altered step by step.

A step gives a thing another colour, size, pattern, state, shape, part, letter, number or tilt, moves it, puts something
that the prompt doesn't name in its place, or changes background and style. What can't be seen isn't done: the altered
scene is one that the world could have drawn by itself.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.facts import Fact, holds, kind_of
from dpg_bench.miniature.sampling import is_held_out
from dpg_bench.miniature.scene import (
    BACKGROUNDS,
    COLORS,
    COUNTS,
    KINDS,
    LETTERS,
    NIGHT_BACKGROUND,
    PLACES,
    SIZES,
    STYLES,
    TEXTURES,
    Link,
    Scene,
    Thing,
)

_ATTEMPTS, _STEPS_AT_MOST = 4, 800
_STEPS = {"look": 6.0, "detail": 4.0, "move": 2.0, "replace": 2.0, "backdrop": 1.0}
_BOTH_SIZES = ("box", "book", "tree", "cup", "fish", *(name for name, kind in KINDS.items() if kind.simple))
"""Kinds that the world draws both small and large where they stand alone."""


def share_true(facts: Sequence[Fact], scene: Scene) -> float:
    """The share of `facts` that hold in the scene, 0 to 1."""
    return sum(holds(fact, scene) for fact in facts) / len(facts)


def altered_scene(scene: Scene, facts: Sequence[Fact], share: float, seed: str) -> Scene:
    """A scene of which as near as can be the share `share` (0 to 1) of `facts` holds; all of them hold in `scene`.

    It is held out from training like `scene`, as far as alterations that leave the share as it is lead to such a scene.
    """
    named = {kind_of(noun) for fact in facts for noun in (fact.subject, fact.value) if kind_of(noun) in KINDS}
    near = 0.5 / len(facts)
    ends = []
    for attempt in range(_ATTEMPTS):
        dice = Dice(f"altered {seed} {attempt}")
        end, distance = scene, abs(1 - share)
        for _ in range(_STEPS_AT_MOST):
            if distance <= near and is_held_out(end):
                return end
            found = _step(dice, end, named)
            if found is None:
                continue
            reached = abs(share_true(facts, found) - share)
            if reached <= near or reached < distance:
                end, distance = found, reached
        ends.append((distance, attempt, end))
    return min(ends, key=lambda one: one[:2])[2]


def _step(dice: Dice, scene: Scene, named: set[str]) -> Scene | None:
    way = dice.weighted(_STEPS)
    if way == "backdrop":
        return _backdrop(dice, scene)
    if way == "move":
        return _moved(dice, scene)
    spot = _Spot(scene, dice.choice(scene.things))
    if way == "replace":
        return _replaced(dice, spot, named)
    new = spot.looks(dice) if way == "look" else spot.detailed(dice)
    if new is None or new == spot.thing:
        return None
    return replace(scene, things=tuple(new if thing is spot.thing else thing for thing in scene.things))


@dataclass(frozen=True, slots=True)
class _Spot:
    """A thing of a scene, and what may be changed of it there."""

    scene: Scene
    thing: Thing

    @property
    def links(self) -> list[Link]:
        return [link for link in self.scene.links if self.thing.kind in (link.subject, link.object)]

    @property
    def bound(self) -> bool:
        return bool(self.links)

    @property
    def patterned(self) -> bool:
        """Whether a pattern could be seen on it."""
        large = self.thing.size == "large" and self.thing.count == 1
        return large and KINDS[self.thing.kind].textured and self.scene.style != "outline"

    def looks(self, dice: Dice) -> Thing | None:
        """Another colour, size or pattern."""
        thing = self.thing
        what = dice.choice(("color", "color", "size", "texture"))
        if what == "color":
            return replace(thing, color=dice.choice(COLORS))
        if what == "texture":
            return replace(thing, texture=dice.choice(TEXTURES)) if self.patterned else None
        if self.bound or thing.count > 1 or thing.kind not in _BOTH_SIZES:
            return None
        size = dice.choice(SIZES)
        return (
            replace(thing, size=size) if size == "large" else replace(thing, size=size, texture="plain", tilted=False)
        )

    def detailed(self, dice: Dice) -> Thing | None:
        """Another state, shape, part, letter, number or tilt."""
        thing, can = self.thing, KINDS[self.thing.kind]
        changes: list[Thing] = []
        if can.states:
            changes.append(replace(thing, state=dice.choice(can.states)))
        if can.shapes:
            changes.append(replace(thing, shape=dice.choice(can.shapes)))
        if can.parts:
            part = dice.choice(can.parts)
            has = {*thing.parts} ^ {part}
            changes.append(replace(thing, parts=tuple(one for one in can.parts if one in has)))
        if thing.letter:
            changes.append(replace(thing, letter=dice.choice(LETTERS)))
        if thing.count > 1:
            changes.append(replace(thing, count=dice.choice(list(COUNTS))))
        if can.tilts and thing.size == "large" and thing.count == 1 and not self.bound:
            changes.append(replace(thing, tilted=not thing.tilted))
        return dice.choice(changes) if changes else None


def _replaced(dice: Dice, spot: _Spot, named: set[str]) -> Scene | None:
    """Another single thing in the cell; an arrow that pointed at the old one points at the new one."""
    scene, place = spot.scene, spot.thing.place
    gone = {thing.kind for thing in scene.things if thing.place == place}
    left = [thing for thing in scene.things if thing.place != place]
    taken = named | {thing.kind for thing in scene.things} | {"arrow"}
    kinds = [kind for kind in KINDS if kind not in taken]
    if not kinds:
        return None
    can = KINDS[dice.choice(kinds)]
    new = Thing(
        kind=can.name,
        place=place,
        color=dice.choice(COLORS),
        size="large",
        texture=dice.choice(TEXTURES) if can.textured and scene.style != "outline" else "plain",
        shape=dice.choice(can.shapes) if can.shapes else None,
        state=dice.choice(can.states) if can.states else None,
        parts=tuple(part for part in can.parts if dice.chance(0.5)),
        letter=dice.choice(LETTERS) if can.name == "sign" else None,
    )
    links = []
    for link in scene.links:
        if link.relation == "pointing at" and link.object in gone and link.subject not in gone:
            links.append(replace(link, object=new.kind))
        elif link.subject not in gone and link.object not in gone:
            links.append(link)
    return replace(scene, things=(*left, new), links=tuple(links))


def _moved(dice: Dice, scene: Scene) -> Scene | None:
    """What stands in two cells changes places, unless something in them reaches over to another cell."""
    first, second = dice.shuffled(range(len(PLACES)))[:2]
    reaching = {
        kind
        for link in scene.links
        if link.relation in ("touching", "pointing at")
        for kind in (link.subject, link.object)
    }
    if any(thing.kind in reaching for thing in scene.things if thing.place in (first, second)):
        return None
    to = {first: second, second: first}
    return replace(
        scene, things=tuple(replace(thing, place=to.get(thing.place, thing.place)) for thing in scene.things)
    )


def _backdrop(dice: Dice, scene: Scene) -> Scene:
    style = dice.choice(STYLES)
    things = scene.things
    if style == "outline":
        things = tuple(replace(thing, texture="plain") for thing in things)
    return replace(
        scene,
        things=things,
        style=style,
        background=NIGHT_BACKGROUND if style == "night" else dice.choice(BACKGROUNDS),
    )
