"""Rank correlations of weighted groups equal SciPy's on the resample laid out, whatever ties there are."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from scipy.stats import kendalltau, spearmanr

from dpg_bench.score import rank_correlation
from dpg_bench.score.rank_correlation import Resampled, combined, kendall, row_kendall, row_spearman, spearman
from dpg_bench.score.stats import draw_counts

GROUPS = np.array([0, 0, 1, 2, 2, 2, 3, 4, 5, 5, 6, 7, 8, 8, 9], dtype=np.intp)


def columns(seed: int, *, ties: int) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    first = rng.integers(0, ties, len(GROUPS)).astype(np.float64)
    return first, first + rng.integers(0, ties, len(GROUPS))


@pytest.mark.parametrize("ties", [3, 1000])
@pytest.mark.parametrize("cells", [100_000, 0])
@pytest.mark.parametrize(("own", "theirs"), [(spearman, spearmanr), (kendall, kendalltau)])
def test_every_resample_has_the_value_of_the_data_laid_out(
    own: Callable[..., Resampled],
    theirs: Callable[..., object],
    cells: int,
    ties: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(rank_correlation, "_CELLS", cells)
    monkeypatch.setattr(rank_correlation, "_BLOCK", 40)
    first, second = columns(1, ties=ties)
    found = own(first, second, GROUPS, count=10, seed=5, resamples=40)
    assert found.value == pytest.approx(theirs(first, second).statistic)  # type: ignore[attr-defined]
    weights = np.concatenate(list(draw_counts(10, 40, np.random.default_rng(5))))
    for value, drawn in zip(found.drawn, weights, strict=True):
        rows = np.repeat(np.arange(len(GROUPS)), drawn[GROUPS].astype(int))
        if len(set(first[rows])) > 1 and len(set(second[rows])) > 1:
            assert value == pytest.approx(theirs(first[rows], second[rows]).statistic)  # type: ignore[attr-defined]
        else:
            assert math.isnan(value)
    without = first[GROUPS != 4], second[GROUPS != 4]
    assert found.without_one[4] == pytest.approx(theirs(*without).statistic)  # type: ignore[attr-defined]


def test_rows_are_ranked_as_scipy_ranks_them() -> None:
    rng = np.random.default_rng(2)
    first, second = rng.integers(0, 4, (6, 5)).astype(float), rng.integers(0, 4, (6, 5)).astype(float)
    for row in range(6):
        assert row_spearman(first, second)[row] == pytest.approx(spearmanr(first[row], second[row]).statistic)
        assert row_kendall(first, second)[row] == pytest.approx(kendalltau(first[row], second[row]).statistic)


def test_an_interval_holds_the_value_and_one_group_has_none() -> None:
    first, second = columns(3, ties=20)
    found = spearman(first, second, GROUPS, count=10, seed=0, resamples=499).correlation()
    assert found.interval is not None
    assert found.interval.low < found.value < found.interval.high
    alone = spearman(first, second, np.zeros(len(first), dtype=np.intp), count=1, seed=0, resamples=9)
    assert alone.correlation().interval is None


def test_a_column_of_one_value_has_no_correlation() -> None:
    first, _ = columns(3, ties=20)
    found = kendall(first, np.ones(len(first)), GROUPS, count=10, seed=0, resamples=9).correlation()
    assert math.isnan(found.value)
    assert found.interval is None


def test_statistics_of_the_same_resamples_are_paired() -> None:
    first, second = columns(4, ties=20)
    one = spearman(first, second, GROUPS, count=10, seed=0, resamples=99)
    difference = combined([one, one], lambda values: values[1] - values[0]).correlation()
    assert difference.value == 0
    assert difference.interval is not None
    assert difference.interval.method == "no spread"
