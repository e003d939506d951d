"""The three steps from a prompt to its question graph: tuples, then questions, then dependencies.

In the manner of DSG (J. Cho et al., "Davidsonian Scene Graph", ICLR 2024, section 3.2: a language model is asked for
semantic tuples, for a question on each, and for what each depends on, with examples in context), in DPG-Bench's
categories. The instructions and examples are our own.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from dpg_bench.language.base import Turn
from dpg_bench.language.graph_answers import Fact
from dpg_bench.language.graph_examples import ExampleGraph, example_graphs

Step = Literal["tuples", "questions", "dependencies"]

_INSTRUCTIONS: Mapping[Step, str] = {
    "tuples": (
        "You take a description of an image apart into single facts that can be checked in the image, one on a line, "
        "in the form `NUMBER | CATEGORY (ARGUMENTS)`. Numbers count from 1. The categories are: "
        "`entity - whole`, `entity - part`, `entity - state` for things, their parts, and what they do or are; "
        "`attribute - color`, `attribute - texture` (materials too), `attribute - shape`, `attribute - size`, "
        "`attribute - other`; `relation - spatial` for where things are to each other, `relation - non-spatial` for "
        "what they do to each other; `other - count` for numbers, `other - text` for written words; and `global -` for "
        "what is true of the whole image, such as its style. Leave no fact out, say none twice, and add none that the "
        "description doesn't state. Answer with these lines alone."
    ),
    "questions": (
        "You are given a description of an image and its facts, one on a line with its number. Write one question for "
        "each fact, in the form `NUMBER | QUESTION?`, that is answered with yes by an image in which the fact holds, "
        "and with no otherwise. A question asks about its own fact only and can be understood without the others. "
        "Answer with these lines alone."
    ),
    "dependencies": (
        "You are given a description of an image and its facts, one on a line with its number. Write for each fact the "
        "numbers of those other facts that must hold for it to make sense at all, in the form `NUMBER | NUMBERS`, with "
        "commas between them, or `NUMBER | 0` if there are none. An attribute, a part, a state or a count depends on "
        "the thing it is about, a relation on all the things in it. Answer with these lines alone."
    ),
}


def graph_recipe() -> str:
    """The name of the three steps, with the start of the SHA-256 of all their words."""
    words = json.dumps([_INSTRUCTIONS, [_shown(example) for example in example_graphs()]], ensure_ascii=True)
    return f"three-steps@{hashlib.sha256(words.encode()).hexdigest()[:12]}"


def step_conversation(step: Step, text: str, facts: Sequence[Fact] = ()) -> tuple[Turn, ...]:
    """What a chat model is asked in a `step` about a prompt's `text` and, after the first step, its `facts`."""
    turns: list[Turn] = []
    for example in example_graphs():
        given, answer = _step_of(step, example)
        turns += [Turn("user", given), Turn("assistant", answer)]
    turns.append(Turn("user", text if step == "tuples" else _with_facts(text, (fact.written for fact in facts))))
    return (Turn("user", f"{_INSTRUCTIONS[step]}\n\n{turns[0].text}"), *turns[1:])


def corrected_conversation(turns: Sequence[Turn], answer: str, fault: str) -> tuple[Turn, ...]:
    """The conversation that asks again after an `answer` that can't be used, and says why."""
    return (
        *turns,
        Turn("assistant", answer),
        Turn("user", f"That can't be used: {fault}. Give the whole answer again."),
    )


def _step_of(step: Step, example: ExampleGraph) -> tuple[str, str]:
    written = [one.fact for one in example.facts]
    if step == "tuples":
        return example.text, _numbered(written)
    if step == "questions":
        return _with_facts(example.text, written), _numbered(one.question for one in example.facts)
    parents = (", ".join(map(str, one.parents)) or "0" for one in example.facts)
    return _with_facts(example.text, written), _numbered(parents)


def _with_facts(text: str, facts: Iterable[str]) -> str:
    return f"{text}\n\n{_numbered(facts)}"


def _numbered(lines: Iterable[str]) -> str:
    return "\n".join(f"{number} | {line}" for number, line in enumerate(lines, start=1))


def _shown(example: ExampleGraph) -> list[object]:
    return [example.text, [[one.fact, one.question, one.parents] for one in example.facts]]
