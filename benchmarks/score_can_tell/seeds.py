"""What other seeds move: the same scenes drawn anew, and a model that errs anew with every image."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from benchmarks.score_can_tell.altered import altered_scene
from benchmarks.score_can_tell.material import Answers, Scenes, drawn, judge_pictures, reworked, true_answers
from benchmarks.score_can_tell.reworking import as_drawn, blurred
from benchmarks.score_can_tell.scores import corrected, official
from dpg_bench.judge.in_memory import LoadedJudge
from dpg_bench.miniature.dice import Dice
from dpg_bench.miniature.scene import Scene
from dpg_bench.miniature.suite import Item
from dpg_bench.records import Suite
from dpg_bench.score.stats import image_sd, standard_errors

IMAGES = 4
_LEAST, _MOST, _EITHER_WAY = 0.5, 0.9, 0.2


def seeds(judge: LoadedJudge, suite: Suite, items: Sequence[Item]) -> dict[str, Any]:
    """Four images a prompt: of one scene drawn with other seeds, blurred; and by a model that errs anew in each.

    A prompt's share lies anywhere from `_LEAST` to `_MOST`; the images of such a model lie up to `_EITHER_WAY` off it.
    """
    same: Scenes = {item.item_id: [_altered(item, 0, 0.0)] * IMAGES for item in items}
    anew: Scenes = {item.item_id: [_altered(item, k, _EITHER_WAY) for k in range(IMAGES)] for item in items}
    found = {}
    for name, scenes, rework in (("one scene, drawn anew", same, blurred), ("errors anew", anew, as_drawn)):
        judged = judge_pictures(judge, suite, reworked(drawn(scenes, f"seeds {name}"), rework)).answers
        found[name] = {
            "truth": _spread(suite, true_answers(suite, scenes)),
            "judged": _spread(suite, judged),
        }
    return {"kinds": found, "prompts": len(items), "images": IMAGES}


def _spread(suite: Suite, answers: Answers) -> dict[str, Any]:
    images = corrected(suite, answers).images
    sd = image_sd(images)
    rows = {}
    for count in (1, 2, IMAGES):
        scores = images[:, :count].mean(axis=1)[:, None]
        error = standard_errors(scores, np.ones_like(scores))[0]
        few = {item_id: {k: given[k] for k in range(count)} for item_id, given in answers.items()}
        rows[str(count)] = {
            "corrected": round(float(scores.mean()), 2),
            "standard error": round(float(error), 2),
            "official": round(official(suite, few), 2),
        }
    return {
        "image sd": None if sd is None else round(sd, 2),
        "within prompts": round(float(np.sqrt(images.var(axis=1, ddof=1).mean())), 2),
        "between prompts": round(float(images.mean(axis=1).std(ddof=1)), 2),
        "images": rows,
    }


def _altered(item: Item, k: int, either_way: float) -> Scene:
    base = Dice(f"base {item.item_id}").between(_LEAST, _MOST)
    share = min(1.0, base + Dice(f"share {item.item_id} {k}").between(-either_way, either_way))
    return altered_scene(item.scene, item.caption.facts, share, f"seeds {item.item_id} {k}")
