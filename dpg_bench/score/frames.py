"""A scorecard as pandas tables, long form: a row for every number."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from dpg_bench.errors import BadInputError, unknown_name
from dpg_bench.score.items import answered_yes, item_scores

if TYPE_CHECKING:
    import pandas

    from dpg_bench.score.scorecard import CategoryCard, ProtocolCard, Scorecard, SoftCard


def card_frame(card: Scorecard, table: str) -> pandas.DataFrame:
    """`scores`: protocol, level (0 overall, 1, 2), category, score, low, high, prompts, questions.

    `items`: protocol, item_id, score, images (the scores of its images). `questions`: item_id, proposition_id, image,
    yes. Scores go from 0 to 100.

    Raises BadInputError for another name, and for `items` or `questions` of a card of schema 1, which had none.
    """
    import pandas

    makers = {"scores": _scores, "items": _items, "questions": _questions}
    if table not in makers:
        raise unknown_name("table of a scorecard", table, makers)
    if table != "scores" and card.answers is None:
        raise BadInputError(
            f"A scorecard of schema {card.schema_version} has no {table}. Score it again; the answers are kept."
        )
    return pandas.DataFrame(list(makers[table](card)))


def _scores(card: Scorecard) -> Iterator[dict[str, Any]]:
    from dpg_bench.score.scorecard import overall_card

    for name, protocol in card.protocols.items():
        yield _row(name, 0, "overall", overall_card(protocol, questions=protocol.questions))
        yield from _categories(name, protocol)
    if card.soft is not None:
        yield _row("soft", 0, "overall", overall_card(card.soft, questions=card["corrected"].questions))
        yield from _categories("soft", card.soft)


def _categories(name: str, part: ProtocolCard | SoftCard) -> Iterator[dict[str, Any]]:
    for level, categories in ((1, part.l1), (2, part.l2)):
        for category, one in categories.items():
            yield _row(name, level, category, one)


def _row(protocol: str, level: int, category: str, one: CategoryCard) -> dict[str, Any]:
    return {
        "protocol": protocol,
        "level": level,
        "category": category,
        "score": one.score,
        "low": None if one.interval is None else one.interval.low,
        "high": None if one.interval is None else one.interval.high,
        "prompts": one.prompts,
        "questions": one.questions,
    }


def _items(card: Scorecard) -> Iterator[dict[str, Any]]:
    for name, protocol in card.protocols.items():
        if protocol.items is None:
            continue
        items = item_scores(protocol.items)
        for item_id, score, images in zip(items.item_ids, items.scores, items.images, strict=True):
            yield {"protocol": name, "item_id": item_id, "score": float(score), "images": images.tolist()}


def _questions(card: Scorecard) -> Iterator[dict[str, Any]]:
    columns = card["corrected"].items
    if card.answers is None or columns is None:
        return
    for item_id, questions in answered_yes(card.answers, columns):
        for proposition_id, images in questions.items():
            for image, yes in enumerate(images):
                yield {"item_id": item_id, "proposition_id": proposition_id, "image": image, "yes": yes}
