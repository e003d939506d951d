"""Facts: what a question of the miniature's graphs is about, in which category, and whether it holds in a scene.

The set of facts is finite and each has one question, so that any question can be answered for any scene. A singular
noun stands for a thing whatever its number, a plural one for a group alone; the place of a pair's parts is their cell.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

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

WHOLE, PART, STATE = "entity - whole", "entity - part", "entity - state"
COLOR, TEXTURE, SHAPE = "attribute - color", "attribute - texture", "attribute - shape"
SIZE, OTHER = "attribute - size", "attribute - other"
SPATIAL, NON_SPATIAL = "relation - spatial", "relation - non-spatial"
COUNT, TEXT = "other - count", "other - text"
GLOBAL = "global -"
CATEGORIES = (WHOLE, PART, STATE, COLOR, TEXTURE, SHAPE, SIZE, OTHER, SPATIAL, NON_SPATIAL, COUNT, TEXT, GLOBAL)
"""Level 2, as the official script keys them."""

DIRECTIONS = ("left of", "right of", "above", "below")
LINE_DRAWING, NIGHT_SCENE = "line drawing", "night scene"
_PLURALS = {kind.plural: kind.name for kind in KINDS.values() if kind.simple}
NOUNS = (*KINDS, *_PLURALS)
"""Singular of every kind, plural of those that come in groups."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What may hold of a scene: `subject` is a noun, or empty if it is about the whole; `value` says what of it.

    `relation` is set where `value` is another noun, or a place (`in`).
    """

    category: str
    subject: str
    value: str = ""
    relation: str = ""

    @property
    def nouns(self) -> tuple[str, ...]:
        """The nouns that it is about: in a graph, it depends on the questions whether these are there."""
        if self.category == WHOLE:
            return ()
        return tuple(noun for noun in (self.subject, self.value) if noun in NOUNS)

    @property
    def question(self) -> str:
        """The yes/no question, a different one for each fact."""
        return _question(self)

    @property
    def tuple_text(self) -> str:
        """What stands in the column `tuple` of DPG-Bench's form: category, and arguments in brackets."""
        arguments = {WHOLE: self.subject, GLOBAL: self.value, COUNT: f"{self.subject}, =={self.value}"}
        default = ", ".join(part for part in (self.subject, self.value, self.relation) if part)
        return f"{self.category} ({arguments.get(self.category, default)})"


def noun_of(thing: Thing) -> str:
    """What a caption calls the thing: `star`, or `stars`."""
    return thing.kind if thing.count == 1 else KINDS[thing.kind].plural


def is_plural(noun: str) -> bool:
    """Whether the noun stands for a group."""
    return noun in _PLURALS


def kind_of(noun: str) -> str:
    """The kind that a noun names."""
    return _PLURALS.get(noun, noun)


def find(scene: Scene, noun: str) -> Thing | None:
    """What the noun stands for in the scene."""
    thing = scene.find(kind_of(noun))
    return None if thing is None or (is_plural(noun) and thing.count == 1) else thing


def holds(fact: Fact, scene: Scene) -> bool:
    """Whether the fact is true of the scene."""
    if fact.category == GLOBAL:
        return {LINE_DRAWING: scene.style == "outline", NIGHT_SCENE: scene.style == "night"}.get(
            fact.value, fact.value == f"{scene.background} background"
        )
    thing = find(scene, fact.subject)
    if thing is None:
        return False
    if fact.category in (SPATIAL, NON_SPATIAL):
        return _related(fact, thing, scene)
    return _is_like(fact, thing)


def _is_like(fact: Fact, thing: Thing) -> bool:
    value = fact.value
    like = {
        WHOLE: True,
        PART: value in thing.parts,
        STATE: value == thing.state,
        COLOR: value == thing.color,
        TEXTURE: value == thing.texture,
        SHAPE: value == thing.shape,
        SIZE: value == thing.size,
        OTHER: thing.tilted,
        COUNT: value == str(thing.count),
        TEXT: value == thing.letter,
    }
    return like[fact.category]


def _related(fact: Fact, thing: Thing, scene: Scene) -> bool:
    if fact.relation == "in":
        return PLACES[thing.place] == fact.value
    other = find(scene, fact.value)
    if other is None:
        return False
    if fact.relation in DIRECTIONS:
        return {
            "left of": thing.column < other.column,
            "right of": thing.column > other.column,
            "above": thing.row < other.row,
            "below": thing.row > other.row,
        }[fact.relation]
    pairs = {(link.subject, link.object) for link in scene.links if link.relation == fact.relation}
    return (thing.kind, other.kind) in pairs or (fact.relation == "touching" and (other.kind, thing.kind) in pairs)


@cache
def all_facts() -> dict[str, Fact]:
    """Every fact by its question."""
    return {fact.question: fact for fact in _every_fact()}


def _every_fact() -> Iterator[Fact]:
    for noun in NOUNS:
        yield Fact(WHOLE, noun)
        for category, values in ((COLOR, COLORS), (TEXTURE, TEXTURES), (SIZE, SIZES), (OTHER, ("tilted",))):
            yield from (Fact(category, noun, value) for value in values)
        yield from (Fact(SPATIAL, noun, place, "in") for place in PLACES)
        for other in NOUNS:
            if kind_of(noun) != kind_of(other):
                yield from (Fact(SPATIAL, noun, other, relation) for relation in (*DIRECTIONS, "inside", "touching"))
                yield Fact(NON_SPATIAL, noun, other, "holding")
                yield Fact(NON_SPATIAL, noun, other, "pointing at")
    for kind in KINDS.values():
        yield from (Fact(PART, kind.name, part) for part in kind.parts)
        yield from (Fact(STATE, kind.name, state) for state in kind.states)
        yield from (Fact(SHAPE, kind.name, shape) for shape in kind.shapes)
    for plural in _PLURALS:
        yield from (Fact(COUNT, plural, str(number)) for number in COUNTS)
    yield from (Fact(TEXT, "sign", letter) for letter in LETTERS)
    yield from (Fact(GLOBAL, "", f"{background} background") for background in (*BACKGROUNDS, NIGHT_BACKGROUND))
    yield Fact(GLOBAL, "", LINE_DRAWING)
    yield Fact(GLOBAL, "", NIGHT_SCENE)


def with_article(noun: str) -> str:
    """`a star`, `an arrow`, `stars`."""
    if is_plural(noun):
        return noun
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


_TEMPLATES = {
    WHOLE: "{be} there {with_article}?",
    PART: "{do} the {noun} have {value}?",
    STATE: "{be} the {holder} {value}?",
    COLOR: "{be} the {noun} {worn}{value}?",
    TEXTURE: "{be} the {noun} {value}?",
    SHAPE: "{be} the {noun} {shape}?",
    SIZE: "{be} the {noun} {value}?",
    OTHER: "{be} the {noun} {value}?",
    SPATIAL: "{be} the {noun} {place}?",
    NON_SPATIAL: "{be} the {noun} {relation} the {value}?",
    COUNT: "Are there {number} {noun}?",
    TEXT: '{do} the {noun} say "{value}"?',
    GLOBAL: "Is this a {value}?",
}


def _question(fact: Fact) -> str:
    noun, value = fact.subject, fact.value
    if fact.category == GLOBAL and value.endswith("background"):
        return f"Is the background {value.split()[0]}?"
    return _TEMPLATES[fact.category].format(
        be="Are" if is_plural(noun) else "Is",
        do="Do" if is_plural(noun) else "Does",
        noun=noun,
        with_article=with_article(noun) if noun else "",
        holder=state_holder(noun),
        worn="dressed in " if noun == "person" else "",
        shape=shape_word(value),
        place=place_or_relation(fact),
        relation=fact.relation,
        number=COUNTS[int(value)] if fact.category == COUNT else "",
        value=value,
    )


def state_holder(noun: str) -> str:
    """What it is that is open or closed, lit or unlit: a house's door, else the thing itself."""
    return "door of the house" if noun == "house" else noun


def shape_word(shape: str) -> str:
    """The adjective for a shape."""
    return "diamond-shaped" if shape == "diamond" else shape


def place_or_relation(fact: Fact) -> str:
    """The predicate of a spatial fact: `in the top left`, `to the left of the house`, `inside the frame`."""
    if fact.relation == "in":
        return f"in the {fact.value}"
    side = f"to the {fact.relation}" if fact.relation in ("left of", "right of") else fact.relation
    return f"{side} the {fact.value}"
