"""What a drawing of the miniature world shows: things with attributes in four cells, their links, background and style.

Everything is defined for every thing, so that each question has one answer: what has no pattern is plain, what isn't
tilted is upright. A kind occurs in one cell of a scene alone (a group counts as one thing), so that "the star" is
never ambiguous.
"""

from __future__ import annotations

from dataclasses import dataclass

COLORS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "brown")
TEXTURES = ("plain", "striped", "dotted", "checked")
SIZES = ("small", "large")
LETTERS = ("A", "C", "E", "H", "K", "L", "O", "S", "T", "X")
BACKGROUNDS = ("white", "gray", "cyan", "beige")
STYLES = ("filled", "outline", "night")
NIGHT_BACKGROUND = "dark"
"""The background of every night scene, and of no other."""

PLACES = ("top left", "top right", "bottom left", "bottom right")
COUNTS = {2: "two", 3: "three", 4: "four"}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a kind of thing can be like. Of `shapes` and `states` exactly one holds; each of `parts` may be there.

    `simple` kinds are drawn small where they come in groups, are held, or lie inside a frame.
    """

    name: str
    plural: str
    textured: bool = False
    tilts: bool = False
    simple: bool = False
    compact: bool = False
    shapes: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()


KINDS = {
    kind.name: kind
    for kind in (
        Kind("circle", "circles", textured=True, simple=True, compact=True),
        Kind("triangle", "triangles", textured=True, simple=True),
        Kind("star", "stars", tilts=True, simple=True),
        Kind("heart", "hearts", textured=True, tilts=True, simple=True),
        Kind("moon", "moons", simple=True),
        Kind("balloon", "balloons", textured=True, simple=True),
        Kind("box", "boxes", textured=True, tilts=True, compact=True, states=("open", "closed")),
        Kind("house", "houses", textured=True, compact=True, states=("open", "closed"), parts=("a chimney",)),
        Kind("mask", "masks", tilts=True, compact=True, states=("smiling", "frowning"), parts=("a hat", "glasses")),
        Kind("lamp", "lamps", tilts=True, states=("lit", "unlit")),
        Kind("window", "windows", shapes=("round", "square", "triangular"), states=("lit", "unlit")),
        Kind("umbrella", "umbrellas", textured=True, tilts=True, states=("open", "closed")),
        Kind("book", "books", tilts=True, compact=True, states=("open", "closed")),
        Kind("tree", "trees", tilts=True, parts=("apples",)),
        Kind("flower", "flowers", tilts=True, parts=("leaves",)),
        Kind("boat", "boats", tilts=True, parts=("a sail", "a flag")),
        Kind("cup", "cups", textured=True, tilts=True, parts=("a handle",)),
        Kind("fish", "fish", textured=True, tilts=True),
        Kind("sign", "signs", shapes=("round", "square", "diamond")),
        Kind("person", "people", parts=("a hat",)),
        Kind("arrow", "arrows"),
        Kind("frame", "frames"),
    )
}

LINKS = ("inside", "touching", "holding", "pointing at")


@dataclass(frozen=True, slots=True)
class Thing:
    """A thing, or a group of `count` like ones, in the cell `place` (a number of `PLACES`)."""

    kind: str
    place: int
    color: str
    size: str
    count: int = 1
    texture: str = "plain"
    tilted: bool = False
    shape: str | None = None
    state: str | None = None
    parts: tuple[str, ...] = ()
    letter: str | None = None

    @property
    def column(self) -> int:
        """0 at the left, 1 at the right."""
        return self.place % 2

    @property
    def row(self) -> int:
        """0 at the top, 1 at the bottom."""
        return self.place // 2


@dataclass(frozen=True, slots=True)
class Link:
    """A relation that places don't tell: one of `LINKS` between two kinds of the scene. `touching` holds both ways."""

    subject: str
    relation: str
    object: str


@dataclass(frozen=True, slots=True)
class Scene:
    """All that a drawing shows."""

    things: tuple[Thing, ...]
    links: tuple[Link, ...]
    background: str
    style: str

    def find(self, kind: str) -> Thing | None:
        """The thing of this kind, if there is one."""
        return next((thing for thing in self.things if thing.kind == kind), None)
