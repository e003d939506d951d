"""How judges agree, put together: every pair of judges, the models' order under each, and people."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from dpg_bench.errors import BadInputError, option, unknown_name
from dpg_bench.records import Suite
from dpg_bench.report.agree.item_scores import ImageScores, Scoring, image_scores, scorings
from dpg_bench.report.agree.material import ABSENT, UNANSWERED, YES, Material, put_together
from dpg_bench.report.agree.pairs import PairAgreement, pair_agreements
from dpg_bench.report.agree.people import People, people_agreement
from dpg_bench.report.agree.ratings import read_ratings
from dpg_bench.report.agree.sources import load_sources
from dpg_bench.score.rank_correlation import Correlation, Resampled, row_kendall, row_spearman
from dpg_bench.score.stats import CONFIDENCE, Array, draw_counts

RESAMPLES = 1_999
"""Of prompts, for every interval here: the ends move by a few hundredths of their distance with another seed."""


@dataclass(frozen=True, slots=True)
class JudgeAnswers:
    """How often a judge says yes: `yes` of `answers`, of which `unanswered` are neither yes nor no."""

    judge: str
    answers: int
    yes: int
    unanswered: int


@dataclass(frozen=True, slots=True)
class ModelOrder:
    """The rank correlation of two judges' mean scores of the models; None over fewer than three models."""

    first: str
    second: str
    spearman: Correlation
    kendall: Correlation


@dataclass(frozen=True, slots=True)
class Models:
    """The models' mean scores in percent, by judge and model, over `items` that all have scored of all models."""

    items: int
    scores: Mapping[tuple[str, str], float]
    orders: tuple[ModelOrder, ...]


@dataclass(frozen=True, slots=True)
class Agreement:
    """All that `agree` finds out. `models` is None where there is one model, or no item that all have scored."""

    material: Material
    scoring: Scoring
    confidence: float
    resamples: int
    seed: int
    judges: tuple[JudgeAnswers, ...]
    pairs: tuple[PairAgreement, ...]
    models: Models | None
    people: People | None


def find_agreement(
    paths: Sequence[Path],
    *,
    suite: str | Suite | None = None,
    judges: Sequence[str] = (),
    human: Path | None = None,
    scoring: Scoring | None = None,
    confidence: float = CONFIDENCE,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Agreement:
    """Hold the judges whose answers are at `paths` against each other and, with the ratings in `human`, against people.

    `scoring` is how images are scored where judges are compared by scores: corrected by default, the share of yes where
    no graph is known.

    Raises BadInputError for a confidence outside 0.5 to 1, a way of scoring that needs the suite, judges without any
    question in common, and what `load_sources`, `put_together`, `read_ratings` and `people_agreement` raise.
    """
    if not 0.5 < confidence < 1:
        raise BadInputError(f"{option('confidence')} is {confidence}; it must lie between 0.5 and 1, such as 0.95.")
    material = put_together(load_sources(paths, suite=suite, judges=judges))
    known = scorings(has_graph=material.has_graph)
    chosen = scoring or known[0]
    if chosen not in known:
        hint = "" if material.has_graph else f"Others need the questions' graph: name it with {option('suite')}."
        raise unknown_name("way of scoring", chosen, known, hint=hint)
    ratings = read_ratings(human) if human is not None else None
    scores = {key: image_scores(chosen, material.suite, source) for key, source in material.sources.items()}
    pairs = pair_agreements(material, scores, seed=seed, confidence=confidence, resamples=resamples)
    if not pairs:
        raise BadInputError(
            f"{' and '.join(material.judges)} have no question about any image in common: "
            f"{', '.join(f'{judge} about {model}' for judge, model in material.sources)}."
        )
    return Agreement(
        material=material,
        scoring=chosen,
        confidence=confidence,
        resamples=resamples,
        seed=seed,
        judges=tuple(_judge_answers(material)),
        pairs=pairs,
        models=_models(material, scores, seed=seed, confidence=confidence, resamples=resamples),
        people=None
        if ratings is None
        else people_agreement(material, ratings, scoring=chosen, seed=seed, confidence=confidence, resamples=resamples),
    )


def _judge_answers(material: Material) -> list[JudgeAnswers]:
    found = []
    for judge in material.judges:
        said = material.said(judge)
        counts = [int((said != ABSENT).sum()), int((said == YES).sum()), int((said == UNANSWERED).sum())]
        found.append(JudgeAnswers(judge, *counts))
    return found


def _models(
    material: Material, scores: Mapping[tuple[str, str], ImageScores], *, seed: int, confidence: float, resamples: int
) -> Models | None:
    if len(material.models) < 2:
        return None
    means = {key: _item_means(scores[key]) for key in scores}
    judges = [judge for judge in material.judges if all((judge, model) in means for model in material.models)]
    if not judges:
        return None
    shared = set.intersection(*(set(means[judge, model]) for judge in judges for model in material.models))
    items = [prompt.item_id for prompt in material.suite.prompts if prompt.item_id in shared]
    if not items:
        return None
    tables = {
        judge: np.array([[means[judge, model][item] for model in material.models] for item in items])
        for judge in judges
    }
    orders = []
    if len(material.models) > 2:
        for first, second in combinations(judges, 2):
            rho, tau = (
                _order(statistic, tables[first], tables[second], seed=seed, resamples=resamples).correlation(confidence)
                for statistic in (row_spearman, row_kendall)
            )
            orders.append(ModelOrder(first, second, rho, tau))
    return Models(
        items=len(items),
        scores={
            (judge, model): float(table[:, column].mean())
            for judge, table in tables.items()
            for column, model in enumerate(material.models)
        },
        orders=tuple(orders),
    )


def _item_means(scores: ImageScores) -> Mapping[str, float]:
    found: dict[str, list[float]] = {}
    for (item_id, _), score in scores.items():
        found.setdefault(item_id, []).append(score)
    return {item_id: float(np.mean(values)) for item_id, values in found.items()}


def _order(
    statistic: Callable[[Array, Array], Array], first: Array, second: Array, *, seed: int, resamples: int
) -> Resampled:
    """A rank correlation of the models' means, over tables [items, models]."""
    items = len(first)

    def over(weights: Array) -> Array:
        total = weights.sum(axis=1, keepdims=True)
        return statistic(weights @ first / total, weights @ second / total)

    drawn = [over(weights) for weights in draw_counts(items, resamples, np.random.default_rng(seed))]
    without_one = over(1 - np.eye(items)) if items > 1 else np.empty(0)
    return Resampled(float(over(np.ones((1, items)))[0]), np.concatenate(drawn), without_one)
