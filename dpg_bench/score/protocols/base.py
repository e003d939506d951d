"""What a protocol makes of the answers: a score per item, what it left out and why, and the means over the items.

All scores are percentages, 0 to 100.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Literal

from dpg_bench.errors import BadInputError
from dpg_bench.records import Prompt, Question, Suite

Cause = Literal["failed", "missing", "protocol"]
"""Why an item has no score.

`failed`: its generation or its judging ended in an error. `missing`: an image or an answer isn't there.
`protocol`: the protocol, or the program the answers come from, leaves the item out of any run, complete or not.
"""


@dataclass(frozen=True, slots=True)
class Tally:
    """A category's raw answers within one item: how many were yes, of how many, to how many different questions."""

    yes: int
    answers: int
    questions: int


@dataclass(frozen=True, slots=True)
class ItemScore:
    """One scored item.

    `images` are the scores of its images in order, `score` their mean. `questions` is the number of questions that
    an image's score is the mean of, `counted` how many of them count in each image. `l1` and `l2` hold the raw
    answers that the protocol counts by category.
    """

    item_id: str
    score: float
    images: tuple[float, ...]
    questions: int
    counted: tuple[int, ...]
    l1: Mapping[str, Tally]
    l2: Mapping[str, Tally]


@dataclass(frozen=True, slots=True)
class Exclusion:
    """An item that was expected and has no score. It counts nowhere, and never as zero."""

    item_id: str
    reason: str
    cause: Cause


@dataclass(frozen=True, slots=True)
class CategoryScore:
    """A category's share of yes; `score` is None where there is no question to divide by."""

    score: float | None
    prompts: int
    questions: int


@dataclass(frozen=True, slots=True)
class ProtocolResult:
    """All items under one protocol; `items` and `excluded` together are the expected ones, in suite order."""

    items: tuple[ItemScore, ...]
    excluded: tuple[Exclusion, ...]
    l1: Mapping[str, CategoryScore]
    l2: Mapping[str, CategoryScore]

    @property
    def overall(self) -> float | None:
        """The mean over the scored items; None if there are none."""
        return fmean(item.score for item in self.items) if self.items else None

    @property
    def complete(self) -> bool:
        """Whether every expected item is scored, apart from those that the protocol leaves out of any run."""
        return all(exclusion.cause == "protocol" for exclusion in self.excluded)


def expected_prompts(suite: Suite, item_ids: Iterable[str] | None) -> list[Prompt]:
    """The prompts that a run set out to make, in suite order: those named, or all if `item_ids` is None.

    Raises BadInputError for an item that the suite doesn't have.
    """
    if item_ids is None:
        return list(suite.prompts)
    wanted = set(item_ids)
    unknown = sorted(wanted - suite.by_id.keys())
    if unknown:
        raise BadInputError(f"The suite '{suite.name}' has no item '{unknown[0]}' ({len(unknown)} such items).")
    return [prompt for prompt in suite.prompts if prompt.item_id in wanted]


def score_prompts(prompts: Sequence[Prompt], score: Callable[[Prompt], ItemScore | Exclusion]) -> ProtocolResult:
    """Score every prompt on its own and add the categories up; every category of `prompts` gets an entry."""
    outcomes = [score(prompt) for prompt in prompts]
    items = tuple(outcome for outcome in outcomes if isinstance(outcome, ItemScore))
    questions = [question for prompt in prompts for question in prompt.questions]
    return ProtocolResult(
        items=items,
        excluded=tuple(outcome for outcome in outcomes if isinstance(outcome, Exclusion)),
        l1=_categories({question.category_broad for question in questions}, [item.l1 for item in items]),
        l2=_categories({question.category for question in questions}, [item.l2 for item in items]),
    )


def known_gap(
    item_id: str, *, failures: Mapping[str, str] | None, missing: Mapping[str, str] | None
) -> Exclusion | None:
    """The exclusion of an item that is known to have failed, or to be missing; None if neither names it."""
    if failures and item_id in failures:
        return Exclusion(item_id, failures[item_id], "failed")
    if missing and item_id in missing:
        return Exclusion(item_id, missing[item_id], "missing")
    return None


def item_score(
    prompt: Prompt, questions: Sequence[Question], *, counted: Sequence[int], said_yes: Sequence[Collection[int]]
) -> ItemScore:
    """The score of an item from the number of `questions` that count in each image.

    `said_yes` are the proposition ids answered yes, for each image whose raw answers the categories use.
    """
    images = tuple(100 * count / len(questions) for count in counted)
    yes = [sum(question.proposition_id in image for image in said_yes) for question in questions]
    return ItemScore(
        item_id=prompt.item_id,
        score=fmean(images),
        images=images,
        questions=len(questions),
        counted=tuple(counted),
        l1=_tallies([question.category_broad for question in questions], yes, images=len(said_yes)),
        l2=_tallies([question.category for question in questions], yes, images=len(said_yes)),
    )


def missing_answers(
    questions: Sequence[Question], answers: Mapping[int, Mapping[int, str]], *, image: int
) -> str | None:
    """What is missing of the answers about one image, in words; None if nothing is."""
    given = answers.get(image)
    if given is None:
        return f"no answers about image {image}" if answers else "no answers"
    unanswered = [question.proposition_id for question in questions if question.proposition_id not in given]
    if not unanswered:
        return None
    return f"{len(unanswered)} of {len(questions)} questions about image {image} unanswered, the first {unanswered[0]}"


def yes_ids(answers: Mapping[int, str]) -> set[int]:
    """The proposition ids answered with exactly `yes`; nothing else counts as yes."""
    return {proposition_id for proposition_id, answer in answers.items() if answer == "yes"}


def _tallies(categories: Sequence[str], yes: Sequence[int], *, images: int) -> dict[str, Tally]:
    asked = Counter(categories)
    said = Counter[str]()
    for category, count in zip(categories, yes, strict=True):
        said[category] += count
    return {name: Tally(said[name], count * images, count) for name, count in asked.items()}


def _categories(names: set[str], items: Sequence[Mapping[str, Tally]]) -> dict[str, CategoryScore]:
    scores = {}
    for name in sorted(names):
        tallies = [item[name] for item in items if name in item]
        answers = sum(tally.answers for tally in tallies)
        scores[name] = CategoryScore(
            score=100 * sum(tally.yes for tally in tallies) / answers if answers else None,
            prompts=len(tallies),
            questions=sum(tally.questions for tally in tallies),
        )
    return scores
