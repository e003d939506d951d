"""Judges held against people, and people against each other: the ceiling that their own agreement sets.

A judge's scores are correlated with the mean rating of each image. How far that can go depends on the raters: where
each gives another rating, nobody can foresee the mean. Two numbers say how far. One rater held against the mean of the
others is what a person reaches. The ceiling of any judge, a perfect one included, is the square root of the
reliability of the mean rating: C. Spearman, "The proof and measurement of association between two things", American
Journal of Psychology 15 (1904). The reliability follows from the mean correlation of two raters by the formula of
Spearman and Brown (British Journal of Psychology 3, 1910).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from dpg_bench.errors import BadInputError
from dpg_bench.report.agree.item_scores import ImageScores, Scoring, image_scores, scorings
from dpg_bench.report.agree.material import Material
from dpg_bench.report.agree.ratings import Rating
from dpg_bench.score.rank_correlation import Correlation, Resampled, combined, kendall, spearman
from dpg_bench.score.stats import Array

_FEW_RATED = 3
_MOST_RATERS = 12  # more are a crowd, in which nobody rates enough to be followed

Image: TypeAlias = tuple[str, str, int | None]
Mask: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class PeopleAgreement:
    """A judge's scores of one kind against the mean ratings; `images` are those with both."""

    scoring: Scoring
    judge: str
    images: int
    spearman: Correlation
    kendall: Correlation


@dataclass(frozen=True, slots=True)
class JudgeDifference:
    """How much closer the second judge is to people than the first, over images that both have scored."""

    scoring: Scoring
    first: str
    second: str
    images: int
    spearman: Correlation


@dataclass(frozen=True, slots=True)
class Ceiling:
    """How people agree with each other; everything NaN where no image has two raters.

    `one_rater_spearman` and `one_rater_kendall` are of one rater with the mean of the others, the mean over raters.
    `reliability` is that of the mean rating of `per_image` raters, `judge` the highest Spearman that a judge can be
    expected to reach.
    """

    per_image: float
    one_rater_spearman: Correlation
    one_rater_kendall: Correlation
    reliability: Correlation
    judge: Correlation


@dataclass(frozen=True, slots=True)
class People:
    """All that ratings tell. `ratings` are of `images` by `raters`; `unknown` of them are about nothing judged here."""

    ratings: int
    images: int
    raters: int
    unknown: int
    judges: tuple[PeopleAgreement, ...]
    differences: tuple[JudgeDifference, ...]
    ceiling: Ceiling
    by_model: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class _Drawing:
    """How intervals are drawn."""

    seed: int
    confidence: float
    resamples: int


@dataclass(frozen=True)
class _Rated:
    """Ratings as a table: [images, raters], NaN where there is none; `groups` numbers the images' items from 0."""

    keys: tuple[Image, ...]
    values: Array
    groups: npt.NDArray[np.intp]
    items: int
    drawing: _Drawing

    @property
    def means(self) -> Array:
        """The mean rating of every image."""
        return np.asarray(np.nanmean(self.values, axis=1))

    def correlate(self, statistic: Callable[..., Resampled], first: Array, second: Array, rows: Mask) -> Resampled:
        """A rank correlation over some images' rows; the same items are drawn for every one, which pairs them."""
        return statistic(
            first[rows],
            second[rows],
            self.groups[rows],
            count=self.items,
            seed=self.drawing.seed,
            resamples=self.drawing.resamples,
        )


def people_agreement(
    material: Material,
    ratings: Sequence[Rating],
    *,
    scoring: Scoring,
    seed: int,
    confidence: float,
    resamples: int,
) -> People:
    """Hold every judge against people, under every kind of score; `scoring` is the one that judges are compared by.

    Raises BadInputError if the ratings are about none of the images here, or don't say about which model's.
    """
    placed = [(key, rating) for rating in ratings if (key := _key(material, rating)) is not None]
    if not placed:
        first = ratings[0]
        raise BadInputError(
            f"None of the {len(ratings)} ratings is about an image that was judged here. {first.place} is of item "
            f"'{first.item_id}'{f' and model {first.model!r}' if first.model else ''}; judged were images of "
            f"{', '.join(material.models[:8])}, with items such as '{material.suite.prompts[0].item_id}'."
        )
    rated = _table(placed, _Drawing(seed, confidence, resamples))
    agreements, differences = [], []
    for one in scorings(has_graph=material.has_graph):
        columns = {judge: _scores(material, judge, one, rated) for judge in material.judges}
        for judge, scores in columns.items():
            agreement = _agreement(one, judge, scores, rated)
            if agreement is not None:
                agreements.append(agreement)
        if one == scoring:
            differences = [
                difference
                for first, second in combinations(material.judges, 2)
                if (difference := _difference(one, {j: columns[j] for j in (first, second)}, rated)) is not None
            ]
    return People(
        ratings=len(placed),
        images=len(rated.keys),
        raters=len({rating.rater for _, rating in placed}),
        unknown=len(ratings) - len(placed),
        judges=tuple(agreements),
        differences=tuple(differences),
        ceiling=_ceiling(rated),
        by_model=_by_model(rated),
    )


def _key(material: Material, rating: Rating) -> Image | None:
    """The image that a rating is about; None for one that was not judged here."""
    model = rating.model
    if not model and len(material.models) > 1:
        raise BadInputError(
            f"{rating.place} doesn't say which model's image was rated, and there are {len(material.models)}: "
            f"{', '.join(material.models[:8])}. Give the ratings a column 'model'."
        )
    name = material.models[0] if not model else material.model_called(model)
    if name is None or rating.item_id not in material.suite.by_id:
        return None
    return name, rating.item_id, rating.image


def _table(placed: Sequence[tuple[Image, Rating]], drawing: _Drawing) -> _Rated:
    """One column a rater; in a crowd, where nobody rates many images, the first rating of each, the second, and on."""
    keys = tuple(dict.fromkeys(key for key, _ in placed))
    rows = {key: row for row, key in enumerate(keys)}
    given = Counter(rating.rater for _, rating in placed)
    raters = {rater: column for column, rater in enumerate(given)}
    panel = len(raters) <= _MOST_RATERS and min(given.values()) >= len(keys) / 2
    turns = np.zeros(len(keys), dtype=np.intp)
    cells: list[tuple[int, int, float]] = []
    for key, rating in placed:
        row = rows[key]
        cells.append((row, raters[rating.rater] if panel else int(turns[row]), rating.value))
        turns[row] += 1
    values = np.full((len(keys), 1 + max(column for _, column, _ in cells)), np.nan)
    for row, column, value in cells:
        values[row, column] = value
    items, groups = np.unique([item_id for _, item_id, _ in keys], return_inverse=True)
    return _Rated(keys, values, groups, len(items), drawing)


def _scores(material: Material, judge: str, scoring: Scoring, rated: _Rated) -> Array:
    """A judge's scores of the rated images, NaN where there is none; of all images of an item their mean."""
    by_model: dict[str, ImageScores] = {}
    for model in material.models:
        source = material.sources.get((judge, model))
        if source is not None:
            # DSG's script scores what was rated, whether it was answered or not.
            items = list(dict.fromkeys(item_id for name, item_id, _ in rated.keys if name == model))
            by_model[model] = image_scores(scoring, material.suite, source, item_ids=items)
    means: dict[tuple[str, str], list[float]] = {}
    for model, scores in by_model.items():
        for (item_id, _), score in scores.items():
            means.setdefault((model, item_id), []).append(score)
    found = np.full(len(rated.keys), np.nan)
    for row, (model, item_id, image) in enumerate(rated.keys):
        if image is not None:
            found[row] = by_model.get(model, {}).get((item_id, image), np.nan)
        elif (model, item_id) in means:
            found[row] = float(np.mean(means[model, item_id]))
    return found


def _agreement(scoring: Scoring, judge: str, scores: Array, rated: _Rated) -> PeopleAgreement | None:
    there = ~np.isnan(scores)
    if there.sum() < _FEW_RATED:
        return None
    rho, tau = (
        rated.correlate(statistic, scores, rated.means, there).correlation(rated.drawing.confidence)
        for statistic in (spearman, kendall)
    )
    return PeopleAgreement(scoring, judge, int(there.sum()), rho, tau)


def _difference(scoring: Scoring, columns: Mapping[str, Array], rated: _Rated) -> JudgeDifference | None:
    (first, one), (second, other) = columns.items()
    there = ~np.isnan(one) & ~np.isnan(other)
    if there.sum() < _FEW_RATED:
        return None
    parts = [rated.correlate(spearman, scores, rated.means, there) for scores in (one, other)]
    found = combined(parts, lambda values: values[1] - values[0]).correlation(rated.drawing.confidence)
    return JudgeDifference(scoring, first, second, int(there.sum()), found)


def _ceiling(rated: _Rated) -> Ceiling:
    values = rated.values
    per_image = float((~np.isnan(values)).sum(axis=1).mean())
    nothing = Correlation(math.nan, None)
    against: list[tuple[Resampled, Resampled]] = []
    for column in range(values.shape[1]):
        own = values[:, column]
        others = np.delete(values, column, axis=1)
        there = ~np.isnan(own) & ~np.isnan(others).all(axis=1)
        if there.sum() < _FEW_RATED:
            continue
        mean = np.full(len(own), np.nan)
        mean[there] = np.nanmean(others[there], axis=1)
        against.append((rated.correlate(spearman, own, mean, there), rated.correlate(kendall, own, mean, there)))
    pairs = []
    for one, other in combinations(range(values.shape[1]), 2):
        there = ~np.isnan(values[:, one]) & ~np.isnan(values[:, other])
        if there.sum() >= _FEW_RATED:
            pairs.append(rated.correlate(spearman, values[:, one], values[:, other], there))
    # A rater who gives every image the same says nothing about their order.
    against = [both for both in against if not math.isnan(both[0].value)]
    pairs = [pair for pair in pairs if not math.isnan(pair.value)]
    if not against or not pairs:
        return Ceiling(per_image, nothing, nothing, nothing, nothing)
    reliability = combined(pairs, lambda found: _spearman_brown(found.mean(axis=0), per_image))
    return Ceiling(
        per_image=per_image,
        one_rater_spearman=combined([one for one, _ in against], _mean).correlation(rated.drawing.confidence),
        one_rater_kendall=combined([other for _, other in against], _mean).correlation(rated.drawing.confidence),
        reliability=reliability.correlation(rated.drawing.confidence),
        judge=combined([reliability], _root).correlation(rated.drawing.confidence),
    )


def _mean(values: Array) -> Array:
    return np.asarray(values.mean(axis=0))


def _root(values: Array) -> Array:
    return np.asarray(np.sqrt(np.clip(values[0], 0, None)))


def _spearman_brown(correlation: Array, raters: float) -> Array:
    return np.asarray(raters * correlation / (1 + (raters - 1) * correlation))


def _by_model(rated: _Rated) -> Mapping[str, float]:
    found: dict[str, list[float]] = {}
    for (model, _, _), mean in zip(rated.keys, rated.means, strict=True):
        found.setdefault(model, []).append(float(mean))
    return {model: float(np.mean(means)) for model, means in found.items()}
