"""What the demo ends with: in two sentences, what the scores of two runs say."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from dpg_bench.report.calls import compare

if TYPE_CHECKING:
    from dpg_bench.report.compare.result import PairedScore


def what_was_seen(first: Path, second: Path) -> str:
    """Which of two judged runs follows dense prompts better, by how much, how surely, and where most.

    Raises BadInputError as `compare` does.
    """
    result = compare(first, second)
    overall, *categories = result.scores
    better, worse = (result.second, result.first) if overall.paired.value >= 0 else (result.first, result.second)
    interval = overall.paired.interval
    bounds = "" if interval is None else f" ({_points(interval.low)} to {_points(interval.high)}, 95 %)"
    if not overall.paired.clear:
        return (
            f"{result.second.name} against {result.first.name}: {overall.paired.value:+.1f} points corrected{bounds}, "
            f"which over {result.prompts} prompts tells no difference."
        )
    sign = 1 if overall.paired.value > 0 else -1
    most = max(categories, key=lambda score: (score.paired.clear, sign * score.paired.value))
    points = _points(sign * overall.paired.value)
    return (
        f"{better.name} follows dense prompts better than {worse.name}, by {points} points corrected{bounds} over "
        f"{result.prompts} prompts.{_where(most, sign)}"
    )


def _where(score: PairedScore, sign: int) -> str:
    if not score.paired.clear:
        return ""
    return f" Most clearly in {score.number.row.name}: by {_points(sign * score.paired.value)}."


def _points(value: float) -> str:
    return f"{value:.1f}"
