"""Answers that changed from one drawing to the other: the judge's view of whether it is the same image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dpg_bench.report.rows import OVERALL, category_rows
from dpg_bench.report.runs import JudgedRun


@dataclass(frozen=True, slots=True)
class Flips:
    """Of `answers` about the same images to the same questions, how many went from yes to no and from no to yes."""

    category: str
    answers: int
    to_no: int
    to_yes: int

    @property
    def share(self) -> float:
        """The share that changed, 0 to 1."""
        return (self.to_no + self.to_yes) / self.answers if self.answers else 0.0


def flipped_answers(first: JudgedRun, second: JudgedRun, item_ids: Sequence[str]) -> tuple[Flips, ...]:
    """Over all questions, then by level-1 category in the order of the paper.

    By category only where the questions are kept beside one of the scorecards.
    """
    categories = _categories(first) or _categories(second)
    counts: dict[str, list[int]] = {OVERALL.name: [0, 0, 0]}
    for item_id in item_ids:
        if item_id not in first.answers or item_id not in second.answers:
            continue
        for number, images in first.answers[item_id].items():
            names = [OVERALL.name, *([categories[item_id, number]] if categories else [])]
            for before, now in zip(images, second.answers[item_id][number], strict=True):
                for name in names:
                    count = counts.setdefault(name, [0, 0, 0])
                    count[0] += 1
                    count[1] += before and not now
                    count[2] += now and not before
    order = [OVERALL.name, *(row.name for row in category_rows(counts.keys() - {OVERALL.name}, ()))]
    return tuple(Flips(name, *counts[name]) for name in order)


def _categories(run: JudgedRun) -> Mapping[tuple[str, int], str]:
    suite = run.kept_suite()
    if suite is None:
        return {}
    return {(p.item_id, q.proposition_id): q.category_broad for p in suite.prompts for q in p.questions}
