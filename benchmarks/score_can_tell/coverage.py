"""Do 95 % intervals hold what they promise on judged data? Prompts are drawn again and again from a large judged pool."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.score_can_tell.altered import altered_scene
from benchmarks.score_can_tell.erring import mplug_beside_pali, with_errors
from benchmarks.score_can_tell.material import drawn, judge_pictures, more_items, suite_of, true_answers
from benchmarks.score_can_tell.scores import corrected
from dpg_bench.judge.in_memory import LoadedJudge
from dpg_bench.miniature.dice import Dice
from dpg_bench.score.items import ItemScores
from dpg_bench.score.stats import ratio_intervals

SIZES = (25, 50, 100, 200)
_RESAMPLES = 999


def coverage(judge: LoadedJudge, *, pool: int, draws: int, judge_name: str) -> dict[str, Any]:
    """How often the interval of a score over some prompts of the pool holds the score of the whole pool.

    The pool's pictures satisfy their graphs to unlike shares, from three tenths to all, as a model's do.
    """
    items = more_items(pool, "pool")
    suite = suite_of(items, "pool")
    scenes = {
        item.item_id: [altered_scene(item.scene, item.caption.facts, _share(item.item_id), item.item_id)]
        for item in items
    }
    truth = true_answers(suite, scenes)
    judged = judge_pictures(judge, suite, drawn(scenes, "pool"))
    true_score = float(corrected(suite, truth).scores.mean())
    rates = mplug_beside_pali()
    rows = []
    for name, answers in ((judge_name, judged.answers), (rates.name, with_errors(truth, rates, 0))):
        scored = corrected(suite, answers)
        rows += [_covered(scored, name, size, draws=draws, true_score=true_score) for size in SIZES if size < pool]
    return {"rows": rows, "pool": pool, "draws": draws, "resamples": _RESAMPLES, "true": round(true_score, 2)}


def _covered(scored: ItemScores, name: str, size: int, *, draws: int, true_score: float) -> dict[str, Any]:
    numerators = np.column_stack([scored.scores, *(100 * one.yes for one in scored.l1.values())])
    denominators = np.column_stack([np.ones(len(scored.scores)), *(one.answers for one in scored.l1.values())])
    whole = numerators.sum(axis=0) / denominators.sum(axis=0)
    rng = np.random.default_rng(size)
    held, asked = np.zeros(len(whole)), np.zeros(len(whole))
    true_held, widths = 0, []
    for draw_number in range(draws):
        chosen = rng.integers(0, len(numerators), size)
        found = ratio_intervals(numerators[chosen], denominators[chosen], seed=draw_number, resamples=_RESAMPLES)
        for column, interval in enumerate(found):
            if interval is not None:
                asked[column] += 1
                held[column] += interval.low <= whole[column] <= interval.high
        overall = found[0]
        assert overall is not None
        true_held += overall.low <= true_score <= overall.high
        widths.append((overall.high - overall.low) / 2)
    return {
        "judge": name,
        "prompts": size,
        "score": round(float(whole[0]), 2),
        "half width": round(float(np.mean(widths)), 2),
        "overall": round(100 * float(held[0] / asked[0]), 1),
        "categories": round(100 * float(held[1:].sum() / asked[1:].sum()), 1),
        "truth": round(100 * true_held / draws, 1),
    }


def _share(item_id: str) -> float:
    return Dice(f"share {item_id}").between(0.3, 1.0)
