"""DSG's own item score, for comparison with what its authors publish; no part of a scorecard.

Source: https://github.com/j-min/DSG at commit 7330119, `calc_vqa_score` of `dsg/vqa_utils.py` as
`scripts/tifa160_correlation.py` calls it. A question counts unless a parent of it was not answered yes; a parent's
raw answer decides, so that a no reaches children but not their children. What is peculiar to the script:

- an item with a dependency that is more than numbers has no graph at all, since the script can't read it;
- what is not answered counts as no, and an item without any answer as 0.
"""

from __future__ import annotations

from collections.abc import Iterable

from dpg_bench.records import AnswerTable, Prompt, Suite
from dpg_bench.score.protocols.base import expected_prompts, yes_ids
from dpg_bench.suite.mending import WORD


def dsg_item_scores(
    suite: Suite,
    answers: AnswerTable,
    *,
    item_ids: Iterable[str] | None = None,
    images_per_prompt: int = 1,
    graph: bool = True,
) -> dict[str, float]:
    """Each item's score in percent, the mean over its images, in suite order.

    `item_ids` are the items to score (None: the whole suite); `graph` False counts every question by itself.

    Raises BadInputError for an item that the suite doesn't have.
    """
    unreadable = {mend.item_id for mend in suite.mends if mend.kind == WORD}
    scores: dict[str, float] = {}
    for prompt in expected_prompts(suite, item_ids):
        gated = graph and prompt.item_id not in unreadable
        given = answers.get(prompt.item_id, {})
        counted = sum(_count(prompt, yes_ids(given.get(image, {})), gated) for image in range(images_per_prompt))
        asked = images_per_prompt * len(prompt.questions)
        scores[prompt.item_id] = 100 * counted / asked if asked else 0.0
    return scores


def _count(prompt: Prompt, said_yes: set[int], gated: bool) -> int:
    needed = ({q.proposition_id, *(q.parents if gated else ())} for q in prompt.questions)
    return sum(one <= said_yes for one in needed)
