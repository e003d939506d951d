"""What the product's own protocols make of answers, in the few numbers that the experiments compare."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from benchmarks.score_can_tell.material import Answers, Judged
from dpg_bench.records import Suite
from dpg_bench.score.items import ItemScores, item_columns, item_scores
from dpg_bench.score.protocols.corrected import corrected_scores
from dpg_bench.score.protocols.official import official_scores
from dpg_bench.score.protocols.soft import soft_scores

Array = npt.NDArray[np.float64]


def corrected(suite: Suite, answers: Answers) -> ItemScores:
    """The items' scores by the corrected protocol."""
    found = corrected_scores(suite, answers, images_per_prompt=_images(answers), item_ids=answers)
    return item_scores(item_columns(suite, found.items))


def official(suite: Suite, answers: Answers) -> float:
    """The overall score by the official protocol."""
    found = official_scores(suite, answers, images_per_prompt=_images(answers), item_ids=answers)
    assert found.overall is not None
    return found.overall


def soft(suite: Suite, judged: Judged) -> ItemScores:
    """The items' soft scores."""
    prompts = [suite.by_id[item_id] for item_id in suite.by_id if item_id in judged.p_yes]
    found = soft_scores(prompts, judged.p_yes, images_per_prompt=_images(judged.answers))
    assert found is not None
    return found


def share_of_yes(answers: Answers) -> float:
    """The mean over images of the percentage of yes, which the graph gates in no way."""
    return float(
        np.mean(
            [
                100 * np.mean([said == "yes" for said in given.values()])
                for one in answers.values()
                for given in one.values()
            ]
        )
    )


@dataclass(frozen=True, slots=True)
class Line:
    """The straight line that fits best, and how far off it the points lie: the root mean square, and the most."""

    slope: float
    start: float
    rms: float
    most: float


def straight_line(x: Array, y: Array) -> Line:
    """Least squares of `y` on `x`."""
    slope, start = np.polyfit(x, y, 1)
    off = y - (slope * x + start)
    return Line(float(slope), float(start), float(np.sqrt(np.mean(off**2))), float(np.abs(off).max()))


def _images(answers: Answers) -> int:
    return max(len(given) for given in answers.values())
