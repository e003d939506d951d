"""How judges agree as data: JSON and CSV."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from dpg_bench.report.agree.pairs import CategoryAgreement, Flip, PairAgreement
from dpg_bench.report.agree.people import Ceiling, People
from dpg_bench.report.agree.result import Agreement
from dpg_bench.report.csv_form import csv_text
from dpg_bench.score.rank_correlation import Correlation
from dpg_bench.score.stats import Interval

AGREEMENT_SCHEMA = 1
CSV_COLUMNS = (
    *("kind", "first", "second", "level", "category", "scoring", "count"),
    *("agreement", "agreement_low", "agreement_high", "kappa", "kappa_low", "kappa_high"),
    *("first_yes", "second_yes", "only_first", "only_second"),
    *("spearman", "spearman_low", "spearman_high", "kendall", "kendall_low", "kendall_high"),
)


def agreement_to_json(agreement: Agreement, *, top: int) -> dict[str, Any]:
    """Everything, with the `top` answers that differ of each pair; shares go from 0 to 1, scores to 100."""
    material, models = agreement.material, agreement.models
    return {
        "schema": AGREEMENT_SCHEMA,
        "confidence": agreement.confidence,
        "resamples": agreement.resamples,
        "seed": agreement.seed,
        "suite": {"name": material.suite.name, "digest": material.suite.digest} if material.has_graph else None,
        "scoring": agreement.scoring,
        "models": list(material.models),
        "judges": [
            {"judge": one.judge, "answers": one.answers, "yes": one.yes, "neither": one.unanswered}
            for one in agreement.judges
        ],
        "pairs": [_pair(pair, top) for pair in agreement.pairs],
        "model_scores": None
        if models is None
        else {
            "prompts": models.items,
            "scores": [
                {"judge": judge, "model": model, "score": score} for (judge, model), score in models.scores.items()
            ],
            "orders": [
                {"first": one.first, "second": one.second, **_correlations(one.spearman, one.kendall)}
                for one in models.orders
            ],
        },
        "people": None if agreement.people is None else _people(agreement.people),
        "remarks": list(material.remarks),
    }


def agreement_to_csv(agreement: Agreement) -> str:
    """A row for every number, with a header; `kind` says of what, and what a row isn't about is an empty cell.

    `answers`: two judges over the questions of a category. `items` and `models`: the order of images and of models
    under two judges. `people`: a judge (`first`) against people, `raters` one rater against the mean of the others,
    `ceiling` what can be expected of a perfect judge.
    """
    return csv_text(CSV_COLUMNS, _csv_rows(agreement))


def _csv_rows(agreement: Agreement) -> Iterator[Mapping[str, object]]:
    for pair in agreement.pairs:
        names = {"first": pair.first, "second": pair.second}
        for one in pair.categories:
            row = _category(one)
            yield {"kind": "answers", **names, **row, "count": row["questions"]}
        if pair.items is not None:
            yield {
                "kind": "items",
                **names,
                "scoring": agreement.scoring,
                "count": pair.items.images,
                **_correlations(pair.items.spearman, pair.items.kendall),
            }
    if agreement.models is not None:
        for order in agreement.models.orders:
            yield {
                "kind": "models",
                "first": order.first,
                "second": order.second,
                "scoring": agreement.scoring,
                "count": len(agreement.material.models),
                **_correlations(order.spearman, order.kendall),
            }
    if agreement.people is not None:
        people = agreement.people
        for judge in people.judges:
            yield {
                "kind": "people",
                "first": judge.judge,
                "scoring": judge.scoring,
                "count": judge.images,
                **_correlations(judge.spearman, judge.kendall),
            }
        ceiling = people.ceiling
        against_others = _correlations(ceiling.one_rater_spearman, ceiling.one_rater_kendall)
        yield {"kind": "raters", "count": people.images, **against_others}
        yield {"kind": "ceiling", "count": people.images, **_named("spearman", ceiling.judge)}


def _pair(pair: PairAgreement, top: int) -> dict[str, Any]:
    answered = pair.answered
    return {
        "first": pair.first,
        "second": pair.second,
        "questions": pair.overall.answers,
        "first_alone": pair.first_alone,
        "second_alone": pair.second_alone,
        "neither": {"first": pair.unanswered[0], "second": pair.unanswered[1]},
        "without_neither": {
            "questions": answered.answers,
            "agreement": _known(answered.agreement),
            "kappa": _known(answered.kappa),
        },
        "categories": [_category(one) for one in pair.categories],
        "items": None
        if pair.items is None
        else {"images": pair.items.images, **_correlations(pair.items.spearman, pair.items.kendall)},
        "flips": len(pair.flips),
        "examples": [_flip(flip) for flip in pair.flips[:top]],
    }


def _category(one: CategoryAgreement) -> dict[str, Any]:
    counts, intervals = one.counts, one.intervals
    return {
        "level": one.row.level,
        "category": one.row.name,
        "questions": counts.answers,
        "agreement": _known(counts.agreement),
        **_ends("agreement", intervals.agreement),
        "kappa": _known(counts.kappa),
        **_ends("kappa", intervals.kappa),
        "first_yes": _known(counts.first_yes),
        "second_yes": _known(counts.second_yes),
        "only_first": counts.only_first,
        "only_second": counts.only_second,
    }


def _flip(flip: Flip) -> dict[str, Any]:
    place = flip.place
    return {
        "model": place.model,
        "item_id": place.item_id,
        "image": place.image,
        "proposition_id": place.question.proposition_id,
        "category": place.question.category,
        "question": place.question.text,
        "first": flip.first,
        "second": flip.second,
        "first_p_yes": flip.p_yes[0],
        "second_p_yes": flip.p_yes[1],
    }


def _people(people: People) -> dict[str, Any]:
    return {
        "ratings": people.ratings,
        "images": people.images,
        "raters": people.raters,
        "ratings_of_unknown_images": people.unknown,
        "judges": [
            {
                "judge": one.judge,
                "scoring": one.scoring,
                "images": one.images,
                **_correlations(one.spearman, one.kendall),
            }
            for one in people.judges
        ],
        "differences": [
            {
                "first": one.first,
                "second": one.second,
                "scoring": one.scoring,
                "images": one.images,
                **_named("spearman", one.spearman),
            }
            for one in people.differences
        ],
        "ceiling": _ceiling(people.ceiling),
        "mean_rating_by_model": dict(people.by_model),
    }


def _ceiling(ceiling: Ceiling) -> dict[str, Any]:
    return {
        "raters_per_image": ceiling.per_image,
        "one_rater": _correlations(ceiling.one_rater_spearman, ceiling.one_rater_kendall),
        "reliability": _named("reliability", ceiling.reliability),
        "perfect_judge": _named("spearman", ceiling.judge),
    }


def _correlations(spearman: Correlation, kendall: Correlation) -> dict[str, float | None]:
    return {**_named("spearman", spearman), **_named("kendall", kendall)}


def _named(name: str, one: Correlation) -> dict[str, float | None]:
    return {name: _known(one.value), **_ends(name, one.interval)}


def _ends(name: str, interval: Interval | None) -> dict[str, float | None]:
    low, high = (None, None) if interval is None else (interval.low, interval.high)
    return {f"{name}_low": low, f"{name}_high": high}


def _known(value: float) -> float | None:
    return None if math.isnan(value) else value
