"""Agreement of two raters: Cohen's kappa as published, and intervals that drawing whole prompts gives."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dpg_bench.score.agreement import Counts, agreement_intervals, cohens_kappa, raw_agreement
from dpg_bench.score.stats import draw_counts


def test_kappa_is_what_cohens_formula_gives() -> None:
    counts = Counts(both=20, only_first=5, only_second=10, neither=15)
    assert (counts.answers, counts.first_yes, counts.second_yes) == (50, 0.5, 0.6)
    assert counts.agreement == pytest.approx(0.7)
    assert counts.kappa == pytest.approx((0.7 - 0.5) / (1 - 0.5))


def test_those_who_answer_without_looking_have_no_kappa_to_speak_of() -> None:
    assert Counts(both=81, only_first=9, only_second=9, neither=1).kappa == pytest.approx(0)
    assert Counts(both=81, only_first=9, only_second=9, neither=1).agreement == pytest.approx(0.82)


def test_kappa_is_the_same_whoever_is_first_and_whatever_yes_is_called() -> None:
    rng = np.random.default_rng(0)
    counts = rng.integers(1, 50, size=(20, 4)).astype(np.float64)
    assert cohens_kappa(counts) == pytest.approx(cohens_kappa(counts[:, [0, 2, 1, 3]]))
    assert cohens_kappa(counts) == pytest.approx(cohens_kappa(counts[:, [3, 2, 1, 0]]))


def test_where_both_say_the_same_to_everything_there_is_agreement_but_no_kappa() -> None:
    alike = Counts(both=7, only_first=0, only_second=0, neither=0)
    assert alike.agreement == 1
    assert math.isnan(alike.kappa)
    assert math.isnan(Counts(0, 0, 0, 0).agreement)


def test_intervals_are_those_of_prompts_drawn_with_all_their_answers() -> None:
    rng = np.random.default_rng(1)
    counts = rng.integers(0, 6, size=(30, 2, 4)).astype(np.float64)
    found = agreement_intervals(counts, seed=3, resamples=999)
    drawn = np.concatenate(list(draw_counts(30, 999, np.random.default_rng(3))))
    for category in range(2):
        laid_out = [counts[np.repeat(np.arange(30), row.astype(int)), category].sum(axis=0) for row in drawn]
        values = raw_agreement(np.array(laid_out))
        interval = found[category].agreement
        assert interval is not None
        # BCa moves the quantiles, so the ends are values of the resamples near the plain ones.
        assert abs(interval.low - np.quantile(values, 0.025)) < 0.02
        assert abs(interval.high - np.quantile(values, 0.975)) < 0.02
        kappa = found[category].kappa
        assert kappa is not None
        assert kappa.low < float(cohens_kappa(counts[:, category].sum(axis=0))) < kappa.high


def test_one_prompt_says_nothing_about_others() -> None:
    counts = np.ones((1, 1, 4))
    assert agreement_intervals(counts, seed=0, resamples=99)[0].agreement is None
    lonely = np.zeros((5, 1, 4))
    lonely[2] = 3
    assert agreement_intervals(lonely, seed=0, resamples=99)[0].kappa is None
