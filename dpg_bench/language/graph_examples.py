"""Prompts with their question graphs, written for this purpose: what a language model is shown before it is asked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExampleFact:
    """One fact of a prompt: its tuple, the question about it, and the numbers of the facts it hangs on."""

    fact: str
    question: str
    parents: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class ExampleGraph:
    """A prompt, and its facts in the order of their numbers, from 1."""

    text: str
    facts: tuple[ExampleFact, ...]


_WRITTEN = """
An oil painting of a brown horse with a white mane that stands beside a low stone wall. Two small dogs sleep on the \
grass in front of the wall.
global - (oil painting) | Is this an oil painting? | 0
entity - whole (horse) | Is there a horse? | 0
attribute - color (horse, brown) | Is the horse brown? | 2
entity - part (horse's mane) | Does the horse have a mane? | 2
attribute - color (horse's mane, white) | Is the mane of the horse white? | 4
entity - state (horse, standing) | Is the horse standing? | 2
entity - whole (wall) | Is there a wall? | 0
attribute - size (wall, low) | Is the wall low? | 7
attribute - texture (wall, stone) | Is the wall made of stone? | 7
relation - spatial (horse, wall, beside) | Is the horse beside the wall? | 2, 7
entity - whole (dogs) | Are there dogs? | 0
other - count (dogs, ==2) | Are there two dogs? | 11
attribute - size (dogs, small) | Are the dogs small? | 11
entity - state (dogs, asleep) | Are the dogs asleep? | 11
entity - whole (grass) | Is there grass? | 0
relation - spatial (dogs, grass, on) | Are the dogs on the grass? | 11, 15
relation - spatial (grass, wall, in front of) | Is the grass in front of the wall? | 7, 15

A waiter in a striped apron carries a round tray with a single green bottle through a crowded café. A sign on the wall \
behind him reads "OPEN LATE".
entity - whole (waiter) | Is there a waiter? | 0
entity - whole (apron) | Is there an apron? | 0
attribute - texture (apron, striped) | Is the apron striped? | 2
relation - non-spatial (waiter, apron, wear) | Is the waiter wearing the apron? | 1, 2
entity - whole (tray) | Is there a tray? | 0
attribute - shape (tray, round) | Is the tray round? | 5
relation - non-spatial (waiter, tray, carry) | Is the waiter carrying the tray? | 1, 5
entity - whole (bottle) | Is there a bottle? | 0
other - count (bottle, ==1) | Is there just one bottle? | 8
attribute - color (bottle, green) | Is the bottle green? | 8
relation - spatial (bottle, tray, on) | Is the bottle on the tray? | 5, 8
entity - whole (café) | Is this in a café? | 0
attribute - other (café, crowded) | Is the café crowded? | 12
relation - spatial (waiter, café, in) | Is the waiter in the café? | 1, 12
entity - whole (wall) | Is there a wall? | 0
entity - whole (sign) | Is there a sign? | 0
relation - spatial (sign, wall, on) | Is the sign on the wall? | 15, 16
relation - spatial (wall, waiter, behind) | Is the wall behind the waiter? | 1, 15
other - text (sign, "OPEN LATE") | Does the sign say "OPEN LATE"? | 16

three blue cubes on a glass table
entity - whole (cubes) | Are there cubes? | 0
other - count (cubes, ==3) | Are there three cubes? | 1
attribute - color (cubes, blue) | Are the cubes blue? | 1
entity - whole (table) | Is there a table? | 0
attribute - texture (table, glass) | Is the table made of glass? | 4
relation - spatial (cubes, table, on) | Are the cubes on the table? | 1, 4
"""


def example_graphs() -> tuple[ExampleGraph, ...]:
    """The examples; between them they have every category."""
    return tuple(_graph(block.splitlines()) for block in _WRITTEN.strip().split("\n\n"))


def _graph(lines: list[str]) -> ExampleGraph:
    facts = []
    for line in lines[1:]:
        fact, question, parents = (part.strip() for part in line.split(" | "))
        numbers = tuple(int(number) for number in parents.split(",") if int(number))
        facts.append(ExampleFact(fact, question, numbers))
    return ExampleGraph(lines[0], tuple(facts))
