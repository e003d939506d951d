"""T2I-CompBench's own scores: products of P(yes) over the phrases of a prompt, the mean over images and prompts.

Source: https://github.com/Karine-Huang/T2I-CompBench at commit 1b70949, `BLIPvqa_eval/BLIP_vqa.py`: a phrase's value
is P(yes) with four digits, an image's the product over at most eight phrases, with four digits too, the score the mean
over images. A prompt in which the parser found no phrase scores 1 there. The corrected score asks of every object that
the prompt names (`dpg_bench.suite.t2i_compbench`). Non-spatial prompts are asked whole, so that their value is what the
judge says of prompt and image (`CLIPScore_eval/CLIP_similarity.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import prod

import numpy as np

from dpg_bench.records import Prompt, PYesTable, Question
from dpg_bench.score.items import Array
from dpg_bench.suite.t2i_compbench import is_for

_DIGITS = 4


def product_scores(
    prompts: Sequence[Prompt], p_yes: PYesTable, *, images_per_prompt: int, protocol: str
) -> Array | None:
    """P(yes) of every question about every image of `prompts` → their images' scores, [prompts, images], 0 to 100.

    `protocol` is `official`, over the parser's phrases, or `corrected`. None if a P(yes) is missing.
    """
    images = range(images_per_prompt)
    rows = []
    for prompt in prompts:
        asked = [question for question in prompt.questions if is_for(question, protocol)]
        given = [p_yes.get(prompt.item_id, {}).get(image, {}) for image in images]
        if any(question.proposition_id not in one for one in given for question in asked):
            return None
        rows.append([100 * _product(asked, one) for one in given])
    return np.array(rows, dtype=np.float64).reshape(len(prompts), images_per_prompt)


def _product(questions: Sequence[Question], p_yes: Mapping[int, float]) -> float:
    values = [p_yes[question.proposition_id] for question in questions]
    return values[0] if len(values) == 1 else round(prod(values), _DIGITS)
