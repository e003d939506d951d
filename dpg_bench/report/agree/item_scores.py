"""The scores that a judge's answers give an image, by the ways of scoring that judges are compared under."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, TypeAlias, get_args

from dpg_bench.records import AnswerTable, Suite
from dpg_bench.report.agree.sources import Source
from dpg_bench.score.protocols.corrected import corrected_scores
from dpg_bench.score.protocols.dsg import dsg_item_scores
from dpg_bench.score.protocols.official import official_scores
from dpg_bench.score.protocols.soft import soft_scores

Scoring: TypeAlias = Literal["corrected", "official", "soft", "share of yes", "dsg", "dsg without graph"]
SCORINGS: tuple[Scoring, ...] = get_args(Scoring)

ImageScores: TypeAlias = Mapping[tuple[str, int], float]
"""Scores in percent by item and image number."""


def scorings(*, has_graph: bool) -> tuple[Scoring, ...]:
    """The ways that there are: without a graph of the questions, the share of yes alone."""
    return SCORINGS if has_graph else ("share of yes",)


def image_scores(
    scoring: Scoring, suite: Suite, source: Source, *, item_ids: Sequence[str] | None = None
) -> ImageScores:
    """What one judge's answers give every image; images that can't be scored are left out.

    An answer that is neither yes nor no counts as no, as under the official rule; one that isn't there leaves its image
    unscored. `item_ids` are the items to score (None: all that were answered). DSG's own scores
    (`dpg_bench.score.protocols.dsg`) give an item that can't be scored 0. `soft` is empty unless the judge gave P(yes)
    of every answer.

    Raises BadInputError for an item that the suite doesn't have.
    """
    table = answered_table(source)
    if item_ids is not None:
        table = {item_id: table[item_id] for item_id in item_ids if item_id in table}
    images = sorted({image for given in table.values() for image in given})
    if scoring in ("dsg", "dsg without graph"):
        wanted = list(table if item_ids is None else item_ids)
        return {
            (item_id, image): score
            for image in images
            for item_id, score in dsg_item_scores(
                suite,
                {item_id: {0: given.get(image, {})} for item_id, given in table.items()},
                item_ids=wanted,
                graph=scoring == "dsg",
            ).items()
        }
    found: dict[tuple[str, int], float] = {}
    for image in images:
        # Image by image, so that one that lacks an answer costs its item no other.
        only = {item_id: {0: given[image]} for item_id, given in table.items() if image in given}
        found |= {(item_id, image): score for item_id, score in _scores(scoring, suite, source, only, image).items()}
    return found


def answered_table(source: Source) -> AnswerTable:
    """The answers, with an empty one where the judge said neither yes nor no."""
    table = {
        item_id: {image: dict(given) for image, given in images.items()} for item_id, images in source.table.items()
    }
    for item_id, image, number in source.unanswered:
        table.setdefault(item_id, {}).setdefault(image, {}).setdefault(number, "")
    return table


def _scores(scoring: Scoring, suite: Suite, source: Source, table: AnswerTable, image: int) -> Mapping[str, float]:
    items = [prompt.item_id for prompt in suite.prompts if prompt.item_id in table]
    if scoring == "share of yes":
        return {
            item_id: 100 * sum(answer == "yes" for answer in given.values()) / len(given)
            for item_id in items
            if (given := table[item_id][0])
        }
    if scoring == "soft":
        prompts = [suite.by_id[item_id] for item_id in items]
        p_yes = {item_id: {0: source.p_yes.get(item_id, {}).get(image, {})} for item_id in items}
        soft = soft_scores(prompts, p_yes, images_per_prompt=1)
        return {} if soft is None else dict(zip(soft.item_ids, map(float, soft.scores), strict=True))
    score = corrected_scores if scoring == "corrected" else official_scores
    return {item.item_id: item.score for item in score(suite, table, images_per_prompt=1, item_ids=items).items}
