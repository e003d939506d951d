"""What people write about a scene: dense captions that tell all of it, and short ones as the web has them.

A dense caption is composed sentence by sentence from a grammar with paraphrases. Each sentence brings the facts that it
states, so that caption and question graph can't drift apart.
"""

from __future__ import annotations

from dataclasses import dataclass

from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.facts import (
    COLOR,
    COUNT,
    DIRECTIONS,
    GLOBAL,
    LINE_DRAWING,
    NIGHT_SCENE,
    NON_SPATIAL,
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
    noun_of,
    place_or_relation,
    shape_word,
    state_holder,
)
from dpg_bench.miniature.scene import COLORS, COUNTS, KINDS, PLACES, Link, Scene, Thing

WORDS = (40, 110)
"""The fewest and the most words of a dense caption."""


@dataclass(frozen=True, slots=True)
class DenseCaption:
    """A caption, and the facts that it states, each once, in the order of the graph."""

    text: str
    facts: tuple[Fact, ...]


def dense_caption(scene: Scene, seed: str) -> DenseCaption:
    """A caption of 40 to 110 words that tells nearly everything; `seed` chooses among paraphrases and order."""
    dice = Dice(f"caption {seed}")
    while True:
        story = _Story(scene, dice)
        if WORDS[0] <= len(story.text.split()) <= WORDS[1]:
            return DenseCaption(story.text, tuple(dict.fromkeys(story.facts)))


class _Story:
    """A caption in the making."""

    def __init__(self, scene: Scene, dice: Dice) -> None:
        self.scene = scene
        self.dice = dice
        self.sentences: list[str] = []
        self.facts: list[Fact] = []
        self._opening()
        told: list[Thing] = []
        partners = {link.object if link.relation == "holding" else link.subject for link in scene.links} - {"arrow"}
        free = [thing for thing in scene.things if thing.kind not in partners or self._touches(thing)]
        for thing in dice.shuffled(free):
            self._introduce(thing, told)
            told.append(thing)
            for link in scene.links:
                other = link.object if link.relation == "holding" else link.subject
                if link.relation in ("holding", "inside") and thing.kind == (
                    link.subject if link.relation == "holding" else link.object
                ):
                    self._bound(link, next(item for item in scene.things if item.kind == other))
        for link in scene.links:
            self._linked(link)
        self._position(told)
        while len(self.text.split()) < WORDS[0]:
            self.sentences.append(dice.choice(_FILLERS))

    @property
    def text(self) -> str:
        return " ".join(dict.fromkeys(self.sentences))

    def _touches(self, thing: Thing) -> bool:
        return any(
            link.relation == "touching" and thing.kind in (link.subject, link.object) for link in self.scene.links
        )

    def _say(self, sentence: str, *facts: Fact) -> None:
        self.sentences.append(sentence[0].upper() + sentence[1:])
        self.facts += facts

    def _opening(self) -> None:
        scene, dice = self.scene, self.dice
        background = Fact(GLOBAL, "", f"{scene.background} background")
        if scene.style == "night":
            self._say(dice.choice(_NIGHT), Fact(GLOBAL, "", NIGHT_SCENE), background)
        elif scene.style == "outline":
            sentence = dice.choice(_OUTLINE).format(scene.background)
            self._say(sentence, Fact(GLOBAL, "", LINE_DRAWING), background)
        else:
            self._say(dice.choice(_FILLED).format(scene.background), background)

    def _introduce(self, thing: Thing, told: list[Thing]) -> None:
        dice, noun = self.dice, noun_of(thing)
        phrase, facts, left_over = self._phrase(thing)
        be = "are" if thing.count > 1 else "is"
        neighbours = [other for other in told if (other.row == thing.row) != (other.column == thing.column)]
        if neighbours and dice.chance(0.45):
            spot = _relation(thing, dice.choice(neighbours))
        else:
            spot = Fact(SPATIAL, noun, PLACES[thing.place], "in")
        where = place_or_relation(spot)
        if spot.relation == "in" and dice.chance(0.3):
            where = f"{where} {dice.choice(['corner', 'part'])}"
        templates = (f"{where} there {be} {phrase}.", f"{phrase} {be} {where}.", f"{where}, {phrase} can be seen.")
        self._say(dice.choice(templates), *facts, spot)
        for fact in left_over:
            self._say(self._follow_up(thing, fact), fact)

    def _bound(self, link: Link, thing: Thing) -> None:
        """The other half of a pair: what is held, or lies inside."""
        phrase, facts, left_over = self._phrase(thing)
        if link.relation == "holding":
            sentence = self.dice.choice((f"the person is holding {phrase}.", f"the person holds {phrase} in one hand."))
            relation = Fact(NON_SPATIAL, "person", thing.kind, "holding")
        else:
            sentence = self.dice.choice((f"inside the frame there is {phrase}.", f"the frame has {phrase} inside."))
            relation = Fact(SPATIAL, thing.kind, "frame", "inside")
        self._say(sentence, *facts, relation)
        for fact in left_over:
            self._say(self._follow_up(thing, fact), fact)

    def _linked(self, link: Link) -> None:
        if link.relation == "pointing at":
            target = next(thing for thing in self.scene.things if thing.kind == link.object)
            noun = noun_of(target)
            templates = (f"the arrow is pointing at the {noun}.", f"the arrow points at the {noun}.")
            self._say(self.dice.choice(templates), Fact(NON_SPATIAL, "arrow", noun, "pointing at"))
        elif link.relation == "touching":
            a, b = link.subject, link.object
            templates = (f"the {a} is touching the {b}.", f"the {a} and the {b} touch each other.")
            self._say(self.dice.choice(templates), Fact(SPATIAL, a, b, "touching"))

    def _position(self, told: list[Thing]) -> None:
        """One more relation of places, so that nearly every graph asks for one."""
        said = {(fact.subject, fact.value) for fact in self.facts if fact.relation in DIRECTIONS}
        pairs = [
            (a, b)
            for a in told
            for b in told
            if a.place != b.place
            and (a.row == b.row or a.column == b.column)
            and not {(noun_of(a), noun_of(b)), (noun_of(b), noun_of(a))} & said
        ]
        if pairs:
            thing, other = self.dice.choice(pairs)
            fact = _relation(thing, other)
            be = "are" if thing.count > 1 else "is"
            self._say(f"the {noun_of(thing)} {be} {place_or_relation(fact)}.", fact)

    def _phrase(self, thing: Thing) -> tuple[str, list[Fact], list[Fact]]:
        """A noun phrase, the facts in it, and those left for sentences of their own."""
        dice, noun, can = self.dice, noun_of(thing), KINDS[thing.kind]
        facts, later = [Fact(WHOLE, noun)], []
        words, dressed, behind = [], [], []
        if thing.count > 1:
            words.append(COUNTS[thing.count])
            facts.append(Fact(COUNT, noun, str(thing.count)))
        elif can.simple or thing.size == "small" or dice.chance(0.4):
            words.append(thing.size if dice.chance(0.7) else {"large": "big", "small": "little"}[thing.size])
            facts.append(Fact(SIZE, noun, thing.size))
        for word, fact in self._adjectives(thing):
            if dice.chance(0.25):
                later.append(fact)
            elif thing.kind == "person":
                dressed.append(f"in {word}")
                facts.append(fact)
            else:
                words.append(word)
                facts.append(fact)
        for part in thing.parts:
            fact = Fact(PART, noun, part)
            if dice.chance(0.5):
                behind.append(part)
                facts.append(fact)
            else:
                later.append(fact)
        if thing.letter is not None:
            later.append(Fact(TEXT, noun, thing.letter))
        if thing.kind == "house" and thing.state is not None:
            later.append(Fact(STATE, noun, thing.state))
        name = " ".join([*words, noun, *dressed]) + (f" with {' and '.join(behind)}" if behind else "")
        if thing.count == 1:
            name = f"{'an' if name[0] in 'aeiou' else 'a'} {name}"
        return name, facts, later

    def _adjectives(self, thing: Thing) -> list[tuple[str, Fact]]:
        noun = noun_of(thing)
        found = []
        if thing.tilted:
            found.append(("tilted", Fact(OTHER, noun, "tilted")))
        if thing.state is not None and thing.kind != "house":
            found.append((thing.state, Fact(STATE, noun, thing.state)))
        if thing.texture != "plain" or (KINDS[thing.kind].textured and thing.size == "large" and self.dice.chance(0.4)):
            found.append((thing.texture, Fact(TEXTURE, noun, thing.texture)))
        found.append((thing.color, Fact(COLOR, noun, thing.color)))
        if thing.shape is not None:
            found.append((shape_word(thing.shape), Fact(SHAPE, noun, thing.shape)))
        return found

    def _follow_up(self, thing: Thing, fact: Fact) -> str:
        noun, value = noun_of(thing), shape_word(fact.value) if fact.category == SHAPE else fact.value
        be, have = ("are", "have") if thing.count > 1 else ("is", "has")
        templates: dict[str, tuple[str, ...]] = {
            PART: (f"the {noun} {have} {value}.", f"{value} can be seen on the {noun}."),
            STATE: (f"the {state_holder(noun)} {be} {value}.",),
            COLOR: (f"the {noun} {be} {value}.", f"the color of the {noun} is {value}."),
            TEXT: (f'the {noun} says "{value}".', f'the letter "{value}" is written on the {noun}.'),
        }
        if noun == "person":
            templates[COLOR] = (f"the person is dressed in {value}.", f"the person wears {value}.")
        return self.dice.choice(templates.get(fact.category, (f"the {noun} {be} {value}.",)))


def _relation(thing: Thing, other: Thing) -> Fact:
    """Where `thing` is as seen from `other`, which is in its row or column."""
    if thing.row == other.row:
        side = "left of" if thing.column < other.column else "right of"
    else:
        side = "above" if thing.row < other.row else "below"
    return Fact(SPATIAL, noun_of(thing), noun_of(other), side)


def short_caption(scene: Scene, seed: str) -> str:
    """A few words as under pictures of the web: parts of the scene are missing, and some of what is said is wrong."""
    dice = Dice(f"short caption {seed}")
    named = dice.shuffled(scene.things)[: dice.weighted({1: 0.25, 2: 0.45, 3: 0.3})]
    parts = [_short_phrase(dice, thing) for thing in named]
    text = ", ".join(parts) if dice.chance(0.4) else " and ".join(parts)
    if dice.chance(0.35):
        style = {"outline": "line drawing", "night": "night scene", "filled": "drawing"}[scene.style]
        text = f"{style} of {text}"
    if dice.chance(0.25):
        text = f"{text} on {scene.background} background"
    return text


def _short_phrase(dice: Dice, thing: Thing) -> str:
    words = []
    if thing.count > 1:
        words.append(COUNTS[thing.count])
    if dice.chance(0.25):
        words.append(thing.size)
    words += [word for word in (thing.texture,) if word != "plain" and dice.chance(0.6)]
    words += [word for word in (thing.state,) if word is not None and thing.kind != "house" and dice.chance(0.4)]
    color = dice.choice(COLORS) if dice.chance(0.06) else thing.color
    dressed = []
    if dice.chance(0.75):
        if thing.kind == "person":
            dressed.append(f"in {color}")
        else:
            words.append(color)
    words += [shape_word(shape) for shape in (thing.shape,) if shape is not None and dice.chance(0.5)]
    phrase = " ".join([*words, noun_of(thing), *dressed])
    if thing.parts and dice.chance(0.4):
        phrase += f" with {dice.choice(thing.parts)}"
    if thing.letter is not None and dice.chance(0.4):
        phrase += f' "{thing.letter}"'
    if dice.chance(0.3):
        phrase += f" in the {PLACES[thing.place]}"
    return phrase


_FILLED = (
    "A colorful drawing on a {} background.",
    "This is a flat drawing with a {} background.",
    "The background of this simple picture is {}.",
    "A picture with a {} background and a few things in it.",
)
_OUTLINE = (
    "A line drawing on a {} background.",
    "This is a line drawing with a {} background.",
    "A picture drawn with lines alone, a line drawing, in front of a {} background.",
)
_NIGHT = (
    "A night scene with a dark background.",
    "This is a night scene, and the background is dark.",
    "It is night, and behind everything lies a dark background.",
)
_FILLERS = (
    "Nothing else is in the picture.",
    "Everything is drawn in a simple way.",
    "The rest of the picture is empty.",
    "There is a lot of empty space around it all.",
    "The edges are clean and easy to see.",
)
