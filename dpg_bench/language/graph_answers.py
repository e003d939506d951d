"""A language model's lines about a prompt, read and checked: nothing in them is guessed."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

CATEGORIES = (
    *("entity - whole", "entity - part", "entity - state"),
    *("attribute - color", "attribute - texture", "attribute - shape", "attribute - size", "attribute - other"),
    *("relation - spatial", "relation - non-spatial", "other - count", "other - text", "global -"),
)
"""The level-2 categories of DPG-Bench, as its tuples spell them."""

_LINE = re.compile(r"(?P<number>[0-9]{1,4})\s*\|\s*(?P<rest>\S.*)")
_NUMBERS = re.compile(r"[0-9]{1,4}(\s*,\s*[0-9]{1,4})*")
_MOST = 200


@dataclass(frozen=True, slots=True)
class Fact:
    """A tuple: its number from 1, its level-2 category, and what it is about."""

    number: int
    category: str
    arguments: str

    @property
    def written(self) -> str:
        """As the column `tuple` has it."""
        return f"{self.category} ({self.arguments})"


def read_facts(answer: str) -> tuple[Fact, ...]:
    """The facts of an answer of lines `1 | entity - whole (horse)`.

    Raises ValueError, naming the line, for one of another form, an unknown category, a number out of turn, or a fact
    that is there twice.
    """
    facts: list[Fact] = []
    seen: dict[str, int] = {}
    for number, rest in _lines(answer):
        if number != len(facts) + 1:
            raise ValueError(f"line {len(facts) + 1} has the number {number}")
        category, opened, arguments = rest.partition("(")
        about = " ".join(arguments.removesuffix(")").split())
        if not opened or not rest.endswith(")") or ")" in category or not about:
            raise ValueError(f"line {number} is no CATEGORY (ARGUMENTS): {rest!r:.80}")
        fact = Fact(number, _category(category, number), about)
        other = seen.setdefault(fact.written.casefold(), number)
        if other != number:
            raise ValueError(f"{number} is the same fact as {other}: {fact.written:.80}")
        facts.append(fact)
    return tuple(facts)


def read_questions(answer: str, numbers: Sequence[int]) -> Mapping[int, str]:
    """The question on each of the facts `numbers`, of an answer of lines `1 | Is there a horse?`.

    Raises ValueError for a line of another form, a fact without a question or with two, a question that is there twice,
    or a text that is no question.
    """
    questions: dict[int, str] = {}
    asked: dict[str, int] = {}
    for number, rest in _of_facts(answer, numbers):
        text = " ".join(rest.split())
        if not text.endswith("?"):
            raise ValueError(f"the line of fact {number} is no question: {text!r:.80}")
        other = asked.setdefault(text.casefold(), number)
        if other != number:
            raise ValueError(f"facts {other} and {number} have the same question: {text!r:.80}")
        questions[number] = text
    return questions


def read_dependencies(answer: str, numbers: Sequence[int]) -> Mapping[int, tuple[int, ...]]:
    """The facts that each of the facts `numbers` hangs on, of an answer of lines `5 | 1, 2`; `5 | 0` for none.

    Raises ValueError for a line of another form, a fact without a line or with two, a parent that is no fact, and facts
    that hang on themselves, if by way of others.
    """
    parents: dict[int, tuple[int, ...]] = {}
    for number, rest in _of_facts(answer, numbers):
        if not _NUMBERS.fullmatch(rest):
            raise ValueError(f"the line of fact {number} holds no list of numbers: {rest!r:.80}")
        named = tuple(dict.fromkeys(int(part) for part in rest.split(",")))
        above = tuple(parent for parent in named if parent)
        unknown = next((parent for parent in above if parent not in numbers), None)
        if unknown is not None:
            raise ValueError(f"fact {number} hangs on {unknown}, which is no fact")
        parents[number] = above
    circle = _circle(parents)
    if circle:
        raise ValueError(f"facts hang on each other in a circle: {' → '.join(map(str, circle))}")
    return parents


def _lines(answer: str) -> list[tuple[int, str]]:
    found = []
    for line in answer.splitlines():
        plain = line.strip()
        if not plain or plain.startswith("```"):  # a fence that models put around lines
            continue
        match = _LINE.fullmatch(plain)
        if match is None:
            raise ValueError(f"a line isn't of the form NUMBER | …: {plain!r:.80}")
        found.append((int(match["number"]), match["rest"].strip()))
    if not found:
        raise ValueError("there are no lines")
    if len(found) > _MOST:
        raise ValueError(f"there are {len(found)} lines; more than {_MOST} are no answer about one prompt")
    return found


def _of_facts(answer: str, numbers: Sequence[int]) -> list[tuple[int, str]]:
    lines = _lines(answer)
    given = [number for number, _ in lines]
    for number in given:
        if number not in numbers:
            raise ValueError(f"there is a line for {number}, which is no fact")
        if given.count(number) > 1:
            raise ValueError(f"there are {given.count(number)} lines for fact {number}")
    if missing := [number for number in numbers if number not in given]:
        raise ValueError(f"there is no line for fact {', '.join(map(str, missing[:10]))}")
    return lines


def _category(text: str, number: int) -> str:
    broad, _, detailed = (part.strip().lower() for part in text.partition("-"))
    category = f"{broad} - {detailed}" if detailed else f"{broad} -"
    if category not in CATEGORIES:
        raise ValueError(f"line {number} has the category {text.strip()!r:.60}, which is none of the known")
    return category


def _circle(parents: Mapping[int, tuple[int, ...]]) -> list[int]:
    """The facts of a circle, the first one at the end again; none if there is no circle."""
    left = {number: set(above) for number, above in parents.items()}
    while free := [number for number, above in left.items() if not above & left.keys()]:
        for number in free:
            del left[number]
    if not left:
        return []
    path = [min(left)]
    while path[-1] not in path[:-1]:
        path.append(min(left[path[-1]] & left.keys()))
    return path[path.index(path[-1]) :]
