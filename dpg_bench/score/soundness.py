"""Whether the numbers of a scorecard can belong together.

A checksum is no signature: whoever writes a scorecard by hand can give it a right one. What later commands build
on (lengths, counts, bits) is therefore held against each other before it is used.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from dpg_bench.score.items import AnswerBits, ItemColumns

if TYPE_CHECKING:
    from dpg_bench.score.scorecard import IntervalCard, ProductCard, ProtocolCard, Scorecard, SoftCard, SuiteCard

_MOST = 10**7
"""Prompts or questions of a suite; the largest known has some ten thousand."""
_MOST_RESAMPLES = 10**6
"""A hundred times as many as are drawn."""
_LONGEST_NAME = 4096


def unsound(card: Scorecard) -> str | None:
    """What can't be in `card`, in words; None if nothing is."""
    return next(_contradictions(card), None)


def _contradictions(card: Scorecard) -> Iterator[str]:
    suite = card.suite
    if suite.prompts > _MOST or suite.questions > _MOST:
        yield f"a suite of {max(suite.prompts, suite.questions):.0e} prompts or questions"
        return  # so that nothing below counts up to it
    if card.run.images_per_prompt > _MOST:
        yield "more images per prompt than there can be"
        return
    if card.statistics is not None and card.statistics.resamples > _MOST_RESAMPLES:
        yield f"intervals of {card.statistics.resamples:.0e} resamples, which nobody has drawn"
    for what, name in (("suite", suite.name), ("judge", card.judge.name), ("model", card.run.model or "")):
        if len(name) > _LONGEST_NAME:
            yield f"the name of the {what} has {len(name)} letters"
    for name, protocol in card.protocols.items():
        yield from (f"protocol '{name}': {text}" for text in _in_protocol(protocol, card))
    yield from _in_unofficial(card)
    columns = card["corrected"].items
    if card.answers is not None and columns is not None:
        yield from _in_answers(card.answers, columns, images=card.run.images_per_prompt)
    elif (card.answers is None) != (columns is None):
        yield "answers without items, or items without their answers"


def _in_unofficial(card: Scorecard) -> Iterator[str]:
    """What can't be in the scores that rest on P(yes), which are over the items of the corrected protocol."""
    most = card["corrected"].prompts_scored
    parts: list[SoftCard | ProductCard] = [*(card.products or {}).values()]
    parts += [card.soft] if card.soft is not None else []
    for part in parts:
        if part.prompts_scored > most:
            yield f"P(yes) of {part.prompts_scored} prompts, of which {most} are scored"
        yield from _in_intervals(part.interval)
    if card.soft is not None:
        yield from _in_categories(card.soft, card.suite)


def _in_protocol(protocol: ProtocolCard, card: Scorecard) -> Iterator[str]:
    suite = card.suite
    if not protocol.prompts_scored <= protocol.prompts_expected <= suite.prompts:
        scored = f"{protocol.prompts_scored} of {protocol.prompts_expected} prompts are scored"
        yield f"{scored}, of a suite of {suite.prompts}"
    if protocol.questions > suite.questions:
        yield f"{protocol.questions} questions, of a suite of {suite.questions}"
    yield from _in_categories(protocol, suite)
    if protocol.items is not None:
        yield from _in_items(protocol.items, protocol, card)


def _in_categories(part: ProtocolCard | SoftCard, suite: SuiteCard) -> Iterator[str]:
    categories = [*part.l1.items(), *part.l2.items()]  # a category may have the name of the one above it
    for name, category in categories:
        if category.questions > suite.questions or category.prompts > suite.prompts:
            yield f"the category '{name}' has more questions or prompts than the suite"
    yield from _in_intervals(part.interval, *(category.interval for _, category in categories))


def _in_intervals(*intervals: IntervalCard | None) -> Iterator[str]:
    for interval in intervals:
        if interval is not None and interval.low > interval.high:
            yield f"an interval from {interval.low} to {interval.high}"


def _in_items(items: ItemColumns, protocol: ProtocolCard, card: Scorecard) -> Iterator[str]:
    images = card.run.images_per_prompt
    if len(items.item_id) != protocol.prompts_scored:
        yield f"{len(items.item_id)} items for {protocol.prompts_scored} scored prompts"
    if sum(items.questions) > card.suite.questions:
        yield f"the items have {sum(items.questions)} questions, the suite {card.suite.questions}"
    for item_id, questions, counted in zip(items.item_id, items.questions, items.counted, strict=True):
        if len(counted) != images or any(count > questions for count in counted):
            yield f"item '{item_id}' counts {list(counted)[:8]} of {questions} questions in {images} images"
    for name, category in items.categories.items():
        if any(yes > answers for yes, answers in zip(category.yes, category.answers, strict=True)):
            yield f"the category '{name}' has more yes answers than answers"
        if any(
            answers > questions * images for answers, questions in zip(category.answers, items.questions, strict=True)
        ):
            yield f"the category '{name}' has more answers than questions"


def _in_answers(answers: AnswerBits, items: ItemColumns, *, images: int) -> Iterator[str]:
    if len(answers.yes) != len(items.item_id):
        yield f"the answers are about {len(answers.yes)} items, not {len(items.item_id)}"
        return
    for item_id, questions, given in zip(items.item_id, items.questions, answers.yes, strict=True):
        if len(given) != images or any(bits.bit_length() > questions for bits in given):
            yield f"the answers about item '{item_id}' are not about {questions} questions in {images} images"
        ids = answers.propositions.get(item_id)
        if ids is not None and (len(ids) != questions or len(set(ids)) != questions):
            yield f"item '{item_id}' doesn't have {questions} question numbers"
