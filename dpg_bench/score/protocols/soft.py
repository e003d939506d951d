"""The soft score: the judge's P(yes) in place of its answers. Ours, unofficial, and in nobody's published table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from dpg_bench.errors import BadInputError
from dpg_bench.records import Prompt, PYesTable, Question
from dpg_bench.score.items import ItemScores, Tallies
from dpg_bench.score.protocols.corrected import with_ancestors


def soft_scores(prompts: Sequence[Prompt], p_yes: PYesTable, *, images_per_prompt: int) -> ItemScores | None:
    """P(yes) of all questions about all images of `prompts` → their scores.

    None if any is missing, or a graph is too large for it.

    A question counts with the product of P(yes) over itself and all its ancestors, and in the categories with its own
    P(yes): sums of these take the place of the numbers of yes.
    """
    images = range(images_per_prompt)
    if not all(_is_whole(prompt, p_yes.get(prompt.item_id, {}), images) for prompt in prompts):
        return None
    try:
        for prompt in prompts:
            with_ancestors(prompt)
    except BadInputError:
        return None
    scores = [[100 * _image_score(prompt, p_yes[prompt.item_id][image]) for image in images] for prompt in prompts]
    return ItemScores(
        item_ids=tuple(prompt.item_id for prompt in prompts),
        images=np.array(scores, dtype=np.float64).reshape(len(prompts), images_per_prompt),
        l1=_tallies(prompts, p_yes, images, level=1),
        l2=_tallies(prompts, p_yes, images, level=2),
    )


def _is_whole(prompt: Prompt, p_yes: Mapping[int, Mapping[int, float]], images: range) -> bool:
    return all(question.proposition_id in p_yes.get(image, {}) for image in images for question in prompt.questions)


def _image_score(prompt: Prompt, p_yes: Mapping[int, float]) -> float:
    gated = [prod(p_yes[needed] for needed in sorted(required)) for required in with_ancestors(prompt).values()]
    return sum(gated) / len(gated)


def _tallies(prompts: Sequence[Prompt], p_yes: PYesTable, images: range, *, level: int) -> dict[str, Tallies]:
    names = sorted({_category(question, level) for prompt in prompts for question in prompt.questions})
    sums = {name: np.zeros(len(prompts)) for name in names}
    counts = {name: np.zeros(len(prompts)) for name in names}
    for row, prompt in enumerate(prompts):
        for question in prompt.questions:
            given = [p_yes[prompt.item_id][image][question.proposition_id] for image in images]
            sums[_category(question, level)][row] += sum(given)
            counts[_category(question, level)][row] += len(given)
    return {name: Tallies(sums[name], counts[name]) for name in names}


def _category(question: Question, level: int) -> str:
    return question.category_broad if level == 1 else question.category
