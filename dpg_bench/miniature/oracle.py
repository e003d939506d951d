"""The judge that never errs: the answer to a question of the miniature, read from the scene's record."""

from __future__ import annotations

from dpg_bench.errors import BadInputError
from dpg_bench.miniature.facts import all_facts, holds
from dpg_bench.miniature.scene import Scene


def answer(question: str, scene: Scene) -> str:
    """`yes` or `no`. Raises BadInputError for a question that the miniature doesn't ask."""
    fact = all_facts().get(question)
    if fact is None:
        raise BadInputError(f"'{question}' is no question of the miniature, so the truth of it isn't known.")
    return "yes" if holds(fact, scene) else "no"
