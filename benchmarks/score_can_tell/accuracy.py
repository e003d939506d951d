"""How often the judge is right, by category, for true and for false questions, and whether its P(yes) knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from benchmarks.score_can_tell.material import more_items
from benchmarks.score_can_tell.reworking import Rework
from dpg_bench.judge.ask import Asker, Tile
from dpg_bench.judge.in_memory import LoadedJudge
from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.drawing.picture import draw
from dpg_bench.miniature.facts import CATEGORIES, holds
from dpg_bench.miniature.questions import fact_of
from dpg_bench.miniature.suite import Item

_BATCH = 16
_BINS = (0.0, 0.02, 0.1, 0.5, 0.9, 0.98, 1.0)


@dataclass(frozen=True, slots=True)
class Asked:
    """A question, whether yes is right, and what the judge said."""

    category: str
    true: bool
    said: str
    p_yes: float

    @property
    def right(self) -> bool:
        """Whether the judge was."""
        return (self.said == "yes") == self.true


def ask_true_and_false(judge: LoadedJudge, rework: Rework, *, scenes: int) -> list[Asked]:
    """All questions of the graphs of held-out scenes, and as many false ones of the same categories."""
    items = more_items(scenes, "accuracy")
    questions = [_questions(item) for item in items]
    tiles = [
        Tile(judge.preprocess(rework(draw(item.scene, item.item_id))), tuple(fact.question for fact, _ in asked))
        for item, asked in zip(items, questions, strict=True)
    ]
    return [
        Asked(fact.category, true, reply.text, reply.p_yes)
        for asked, replies in zip(questions, Asker(judge, _BATCH).ask(tiles), strict=True)
        for (fact, true), reply in zip(asked, replies, strict=True)
        if reply.p_yes is not None
    ]


def by_category(asked: Sequence[Asked]) -> dict[str, Any]:
    """Numbers asked and percentages right, for every category and for all, where yes and where no is right."""
    table = {}
    for category in (*CATEGORIES, "all"):
        chosen = [one for one in asked if category in ("all", one.category)]
        table[category.removesuffix(" -")] = {
            name: {"asked": len(some), "right": round(100 * float(np.mean([one.right for one in some])), 1)}
            for name, some in (
                ("true", [one for one in chosen if one.true]),
                ("false", [one for one in chosen if not one.true]),
            )
            if some
        }
    return table


def sureness(asked: Sequence[Asked]) -> dict[str, Any]:
    """How P(yes) goes with the truth: for each range of it, how many answers and how many of these are truly yes."""
    p = np.array([one.p_yes for one in asked])
    true = np.array([one.true for one in asked])
    right = np.array([one.right for one in asked])
    between = (p > 0.1) & (p < 0.9)
    bins = []
    for low, high in pairwise(_BINS):
        inside = (p >= low) & ((p < high) | (high == 1.0))
        if inside.any():
            bins.append(
                {
                    "from": low,
                    "to": high,
                    "answers": int(inside.sum()),
                    "mean": round(100 * float(p[inside].mean()), 1),
                    "true": round(100 * float(true[inside].mean()), 1),
                }
            )
    return {
        "bins": bins,
        "wrong": round(100 * float(1 - right.mean()), 2),
        "unsure": round(100 * float(between.mean()), 2),
        "wrong where unsure": round(100 * float(1 - right[between].mean()), 1) if between.any() else None,
        "sure of the wrong": round(100 * float((~between)[~right].mean()), 1) if not right.all() else None,
        "wrong where sure": round(100 * float(1 - right[~between].mean()), 2),
    }


def _questions(item: Item) -> list[tuple[Any, bool]]:
    facts = item.caption.facts
    dice = Dice(f"false {item.item_id}")
    false = (fact_of(fact.category, item.scene, dice, true=False) for fact in facts)
    asked = [*facts, *(fact for fact in false if fact is not None)]
    return [(fact, holds(fact, item.scene)) for fact in asked]
