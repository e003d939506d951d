"""Which runs are better than which, beyond what drawing other prompts would change."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np

from dpg_bench.score.items import Array, ItemScores
from dpg_bench.score.stats import is_clear, ratio_intervals, sign_flip_p_values

_SEED = 0
_PAIRS_AT_ONCE = 64  # some ten megabytes of resamples


def clearly_better(runs: Sequence[ItemScores]) -> list[list[bool]]:
    """For runs i and j, whether i is clearly better, by paired difference and permutation test at 95 %.

    A pair is compared over the items that both have scored; a difference without any spread says nothing about other
    prompts.
    """
    better = [[False] * len(runs) for _ in runs]
    scores = _aligned(runs)
    pairs = list(combinations(range(len(runs)), 2))
    for start in range(0, len(pairs), _PAIRS_AT_ONCE):
        batch = pairs[start : start + _PAIRS_AT_ONCE]
        differences = np.column_stack([scores[:, i] - scores[:, j] for i, j in batch])
        both = np.isfinite(differences)
        known = np.where(both, differences, 0)
        intervals = ratio_intervals(known, both.astype(np.float64), seed=_SEED)
        p_values = sign_flip_p_values(known, seed=_SEED)
        for (i, j), interval, p_value in zip(batch, intervals, p_values, strict=True):
            if interval is not None and is_clear(interval, float(p_value)):
                better[i][j] = interval.low > 0
                better[j][i] = interval.high < 0
    return better


def _aligned(runs: Sequence[ItemScores]) -> Array:
    """The scores [items, runs] over all items that any run has scored; NaN where this one hasn't."""
    rows = {item_id: row for row, item_id in enumerate(dict.fromkeys(i for run in runs for i in run.item_ids))}
    scores = np.full((len(rows), len(runs)), np.nan)
    for column, run in enumerate(runs):
        scores[[rows[item_id] for item_id in run.item_ids], column] = run.scores
    return scores
