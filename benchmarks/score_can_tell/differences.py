"""How much of a difference between two models is the judge's doing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from benchmarks.score_can_tell.erring import ERRING, with_errors
from benchmarks.score_can_tell.material import Answers, Judged, drawn, judge_pictures, reworked
from benchmarks.score_can_tell.reworking import Rework
from benchmarks.score_can_tell.scores import Array, corrected, official, soft
from benchmarks.score_can_tell.truth import REPEATS, Level
from dpg_bench.judge.in_memory import LoadedJudge
from dpg_bench.miniature.dice import Dice
from dpg_bench.records import Suite
from dpg_bench.score.stats import paired_differences

_RESAMPLES = 1999


def two_models(suite: Suite, worse: Level, better: Level, judge_name: str) -> list[dict[str, Any]]:
    """Two models whose pictures satisfy a known share: their difference in truth, and as each judge sees it."""
    rows = [
        _row("the truth", suite, worse.truth, better.truth),
        _row(judge_name, suite, worse.judged.answers, better.judged.answers),
    ]
    for rates in ERRING:
        repeated = [
            _row(
                rates.name,
                suite,
                with_errors(worse.truth, rates, 2 * seed),
                with_errors(better.truth, rates, 2 * seed + 1),
            )
            for seed in range(REPEATS)
        ]
        means = {key: float(np.mean([one[key] for one in repeated])) for key in repeated[0] if key != "judge"}
        rows.append({"judge": rates.name, **means})
    true = rows[0]["difference"]
    for row in rows:
        kept = row["difference"] / true
        row["kept"] = 100 * kept
        row["smallest true"] = row["detectable"] / kept if kept > 0 else None
    return [_rounded(row) for row in rows]


def one_model_reworked(
    judge: LoadedJudge, suite: Suite, level: Level, reworkings: Mapping[str, Rework]
) -> list[dict[str, Any]]:
    """One model's pictures as drawn, blurred and so on: nothing of what is asked changes, so all difference is error."""
    pictures = drawn(level.scenes, "reworked")
    base: Array | None = None
    rows = []
    truth = corrected(suite, level.truth).scores
    for name, rework in reworkings.items():
        judged = judge_pictures(judge, suite, reworked(pictures, rework))
        scores = corrected(suite, judged.answers).scores
        base = scores if base is None else base
        (difference,) = paired_differences(
            (scores - base)[:, None], np.ones((len(scores), 1)), seed=0, resamples=_RESAMPLES
        )
        interval = difference.interval
        rows.append(
            {
                "pictures": name,
                "true": float(truth.mean()),
                "corrected": float(scores.mean()),
                "official": official(suite, judged.answers),
                "soft": float(soft(suite, judged).scores.mean()),
                "difference": difference.value,
                "low": None if interval is None else interval.low,
                "high": None if interval is None else interval.high,
                "clear": difference.clear,
                **_rates(level.truth, judged.answers),
            }
        )
    return [_rounded(row) for row in rows]


def _row(name: str, suite: Suite, worse: Answers, better: Answers) -> dict[str, Any]:
    low, high = corrected(suite, worse).scores, corrected(suite, better).scores
    (found,) = paired_differences((high - low)[:, None], np.ones((len(low), 1)), seed=0, resamples=_RESAMPLES)
    return {
        "judge": name,
        "worse": float(low.mean()),
        "better": float(high.mean()),
        "difference": found.value,
        "standard error": found.standard_error,
        "detectable": found.detectable,
    }


def _rates(truth: Answers, said: Answers) -> dict[str, float]:
    """How often the judge says yes where no is right, and no where yes is."""
    counts = {("yes", False): 0, ("yes", True): 0, ("no", False): 0, ("no", True): 0}
    for item_id, images in truth.items():
        for k, given in images.items():
            for n, right in given.items():
                counts[right, (said[item_id][k][n] == "yes") != (right == "yes")] += 1
    return {
        "false yes": 100 * counts["no", True] / max(1, counts["no", True] + counts["no", False]),
        "false no": 100 * counts["yes", True] / max(1, counts["yes", True] + counts["yes", False]),
    }


def _rounded(row: dict[str, Any]) -> dict[str, Any]:
    return {key: round(value, 2) if isinstance(value, float) else value for key, value in row.items()}


def mixed(levels: Sequence[Level], least: float, seed: str) -> Level:
    """A model's pictures: of each prompt that of a level from `least` to all, whichever `seed` gives it."""
    chosen = [level for level in levels if level.share >= least - 1e-9]
    of = {item_id: Dice(f"{seed} {item_id}").choice(chosen) for item_id in levels[0].scenes}
    return Level(
        share=(least + 1) / 2,
        scenes={item_id: level.scenes[item_id] for item_id, level in of.items()},
        truth={item_id: level.truth[item_id] for item_id, level in of.items()},
        judged=Judged(
            {item_id: level.judged.answers[item_id] for item_id, level in of.items()},
            {item_id: level.judged.p_yes[item_id] for item_id, level in of.items()},
        ),
    )
