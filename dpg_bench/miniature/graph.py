"""Question graphs in DPG-Bench's form, true by construction: one question for each fact that a caption states."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from dpg_bench.miniature.facts import WHOLE, Fact


@dataclass(frozen=True, slots=True)
class Node:
    """A question of a graph. `parents` are the ids of the questions whether the things it is about are there."""

    proposition_id: int
    parents: tuple[int, ...]
    fact: Fact


def question_graph(facts: Sequence[Fact]) -> tuple[Node, ...]:
    """The graph of `facts`, numbered from 1 in their order, which must name a thing's presence somewhere."""
    place = {fact.subject: number for number, fact in enumerate(facts, start=1) if fact.category == WHOLE}
    return tuple(
        Node(number, tuple(sorted(place[noun] for noun in fact.nouns)), fact)
        for number, fact in enumerate(facts, start=1)
    )
