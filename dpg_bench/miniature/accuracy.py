"""How often a judge is right about scenes whose truth is known: by category, for true and for false questions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dpg_bench.miniature.captions import dense_caption
from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.drawing.picture import draw
from dpg_bench.miniature.facts import CATEGORIES, GLOBAL, Fact
from dpg_bench.miniature.questions import fact_of
from dpg_bench.miniature.sampling import draw_scene

if TYPE_CHECKING:
    from dpg_bench.judge.base import Judge
    from dpg_bench.miniature.scene import Scene

_BATCH = 64


@dataclass(frozen=True, slots=True)
class Tally:
    """How many questions were asked, and how many of the answers were right."""

    asked: int
    right: int

    @property
    def share(self) -> float:
        """The share of right answers, 0 to 1. Raises ZeroDivisionError if nothing was asked."""
        return self.right / self.asked


Accuracy = Mapping[tuple[str, bool], Tally]
"""By level-2 category and the answer that is true."""


def judge_accuracy(judge: Judge, *, scenes: int, seed: str) -> Accuracy:
    """Ask `judge` about pictures of held-out scenes: all of a graph's questions, and as many false ones of its kind."""
    counts = {(category, truth): [0, 0] for category in CATEGORIES for truth in (True, False)}
    for start in range(0, scenes, _BATCH):
        numbers = range(start, min(start + _BATCH, scenes))
        pictured = [draw_scene(f"accuracy {seed} {n}", held_out=True) for n in numbers]
        pixels = [
            judge.preprocess(draw(scene, f"accuracy {seed} {n}")) for n, scene in zip(numbers, pictured, strict=True)
        ]
        asked = [_questions(scene, f"accuracy {seed} {n}") for n, scene in zip(numbers, pictured, strict=True)]
        answers = judge.answer(pixels, [[fact.question for fact, _ in questions] for questions in asked])
        for questions, replies in zip(asked, answers, strict=True):
            for (fact, truth), reply in zip(questions, replies, strict=True):
                count = counts[fact.category, truth]
                count[0] += 1
                count[1] += reply.text == ("yes" if truth else "no")
    return {key: Tally(asked, right) for key, (asked, right) in counts.items()}


def _questions(scene: Scene, seed: str) -> list[tuple[Fact, bool]]:
    facts = dense_caption(scene, seed).facts
    dice = Dice(f"false {seed}")
    false = (fact_of(fact.category, scene, dice, true=False) for fact in facts)
    return [*((fact, True) for fact in facts), *((fact, False) for fact in false if fact is not None)]


def accuracy_lines(accuracy: Accuracy) -> Sequence[str]:
    """A table in plain text: a line a category, and one for all."""
    lines = [f"{'category':24} {'true':>8} {'right':>7} {'false':>8} {'right':>7}"]
    for category in (*CATEGORIES, ""):
        cells = []
        for truth in (True, False):
            chosen = [tally for (name, answer), tally in accuracy.items() if answer == truth and category in ("", name)]
            total = Tally(sum(tally.asked for tally in chosen), sum(tally.right for tally in chosen))
            cells.append(f"{total.asked:8} {f'{100 * total.share:.1f}%' if total.asked else '–':>7}")
        name = {"": "all", GLOBAL: "global"}.get(category, category)
        lines.append(f"{name:24} {' '.join(cells)}")
    return lines
