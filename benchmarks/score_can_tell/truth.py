"""Does the score rise with truth, and how straight? By every way to score, for the judge and for judges that err."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from benchmarks.score_can_tell.altered import altered_scene
from benchmarks.score_can_tell.erring import ERRING, with_errors
from benchmarks.score_can_tell.material import (
    Answers,
    Judged,
    Scenes,
    drawn,
    judge_pictures,
    true_answers,
)
from benchmarks.score_can_tell.scores import corrected, official, share_of_yes, soft, straight_line
from dpg_bench.jobs.memory import DPGScore
from dpg_bench.judge.in_memory import LoadedJudge
from dpg_bench.miniature.sampling import is_held_out
from dpg_bench.miniature.suite import Item
from dpg_bench.records import Suite
from dpg_bench.score.scorecard import Scorecard

SHARES = tuple(tenth / 10 for tenth in range(11))
REPEATS = 20


@dataclass(frozen=True, slots=True)
class Level:
    """Pictures that satisfy about `share` of their graphs: scenes, truth and the judge's answers, one a prompt."""

    share: float
    scenes: Scenes
    truth: Answers
    judged: Judged


def ends_of_the_scale(judge: LoadedJudge, suite: Suite, items: Sequence[Item]) -> dict[str, Any]:
    """Scorecards of rendered truth, and of pictures of other prompts, as the product makes them."""
    own = drawn({item.item_id: [item.scene] for item in items}, "truth")
    others = {item.item_id: own[other.item_id] for item, other in zip(items, _turned(items), strict=True)}
    found = {}
    for name, pictures in (("truth", own), ("other prompts", others)):
        metric = DPGScore(suite, judge=judge, model=name)
        for item_id, given in pictures.items():
            metric.update(item_id, given)
        found[name] = _card(metric.compute())
    scenes = {item.item_id: [other.scene] for item, other in zip(items, _turned(items), strict=True)}
    found["other prompts"]["true"] = round(_mean(corrected(suite, true_answers(suite, scenes)).scores), 2)
    found["truth"]["true"] = 100.0
    return found


def judged_levels(judge: LoadedJudge, suite: Suite, items: Sequence[Item]) -> list[Level]:
    """For every share a scene of each prompt that satisfies it, drawn and judged."""
    levels = []
    for share in SHARES:
        scenes = {
            item.item_id: [altered_scene(item.scene, item.caption.facts, share, f"{item.item_id} {share}")]
            for item in items
        }
        judged = judge_pictures(judge, suite, drawn(scenes, f"level {share}"))
        levels.append(Level(share, scenes, true_answers(suite, scenes), judged))
    return levels


def rising(suite: Suite, levels: Sequence[Level], judge_name: str) -> dict[str, Any]:
    """Mean scores at each level, and how straight they rise with the truth."""
    rows: list[dict[str, Any]] = []
    true_items, judged_items, soft_items = [], [], []
    for level in levels:
        truth = corrected(suite, level.truth).scores
        said = corrected(suite, level.judged.answers).scores
        softly = soft(suite, level.judged).scores
        true_items.append(truth)
        judged_items.append(said)
        soft_items.append(softly)
        rows.append(
            {
                "share": round(100 * level.share),
                "true": _mean(truth),
                "corrected": _mean(said),
                "official": official(suite, level.judged.answers),
                "soft": _mean(softly),
                "yes": share_of_yes(level.judged.answers),
                "erring": [_erring(suite, level.truth, number) for number in range(len(ERRING))],
            }
        )
    x = np.array([row["true"] for row in rows])
    lines = {
        f"{judge_name}, {name}": asdict(straight_line(x, np.array([row[name] for row in rows])))
        for name in ("corrected", "official", "soft", "yes")
    }
    for number, rates in enumerate(ERRING):
        for name in ("corrected", "yes"):
            y = np.array([row["erring"][number][name] for row in rows])
            lines[f"{rates.name}, {name}"] = asdict(straight_line(x, y))
    true, said, softly = (np.concatenate(one) for one in (true_items, judged_items, soft_items))
    return {
        "rows": [_rounded(row) for row in rows],
        "lines": {name: {key: round(value, 3) for key, value in line.items()} for name, line in lines.items()},
        "prompts": len(levels[0].scenes),
        "pictures": len(true),
        "held out": _percent_held_out(levels),
        "picture by picture": {
            "corrected": round(float(np.sqrt(np.mean((said - true) ** 2))), 2),
            "soft": round(float(np.sqrt(np.mean((softly - true) ** 2))), 2),
            "exact": round(100 * float(np.mean(np.abs(said - true) < 1e-9)), 1),
        },
        "erring": [asdict(rates) for rates in ERRING],
    }


def gating(suite: Suite, levels: Sequence[Level]) -> dict[str, Any]:
    """What the judge says to questions about what isn't there: how many yes, and how many of these are gated away."""
    said_yes, impossible = 0, 0
    counted = 0
    for level in levels:
        for item_id, images in level.truth.items():
            for k, truth in images.items():
                said = level.judged.answers[item_id][k]
                for question in suite.by_id[item_id].questions:
                    if all(truth[parent] == "yes" for parent in question.parents):
                        continue
                    impossible += 1
                    if said[question.proposition_id] == "yes":
                        said_yes += 1
                        counted += all(said[parent] == "yes" for parent in question.parents)
    return {
        "questions": impossible,
        "yes": round(100 * said_yes / max(1, impossible), 2),
        "yes and counted": round(100 * counted / max(1, impossible), 2),
    }


def _erring(suite: Suite, truth: Answers, number: int) -> dict[str, float]:
    said = [with_errors(truth, ERRING[number], seed) for seed in range(REPEATS)]
    return {
        "corrected": float(np.mean([_mean(corrected(suite, one).scores) for one in said])),
        "yes": float(np.mean([share_of_yes(one) for one in said])),
    }


def _card(card: Scorecard) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name in ("corrected", "official"):
        protocol = card[name]
        assert protocol.overall is not None
        assert protocol.interval is not None
        found[name] = round(protocol.overall, 2)
        found[f"{name} interval"] = [round(protocol.interval.low, 1), round(protocol.interval.high, 1)]
    assert card.soft is not None
    assert card.soft.overall is not None
    found["soft"] = round(card.soft.overall, 2)
    found["prompts"] = card["corrected"].prompts_scored
    return found


def _turned(items: Sequence[Item]) -> list[Item]:
    """The prompt after each one, and the first after the last."""
    return [*items[1:], items[0]]


def _percent_held_out(levels: Sequence[Level]) -> float:
    found = [is_held_out(scene) for level in levels for given in level.scenes.values() for scene in given]
    return round(100 * float(np.mean(found)), 1)


def _mean(scores: Any) -> float:
    return float(np.mean(scores))


def _rounded(row: Any) -> Any:
    if isinstance(row, dict):
        return {key: _rounded(value) for key, value in row.items()}
    if isinstance(row, list):
        return [_rounded(value) for value in row]
    return round(row, 2) if isinstance(row, float) else row
