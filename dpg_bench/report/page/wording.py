"""How numbers read on the page, and under which names scores stand."""

from __future__ import annotations

from dpg_bench.score.scorecard import IntervalCard
from dpg_bench.score.stats import Interval

UNKNOWN = "–"


def percent(score: float | None) -> str:
    """A score with two digits, as the terminal's table has it."""
    return UNKNOWN if score is None else f"{score:.2f}"


def bounds(interval: IntervalCard | Interval | None) -> str:
    """An interval as `73.41 – 75.80`; "no spread" where all resamples are equal, empty where there is none."""
    if interval is None:
        return ""
    return "no spread" if interval.method == "no spread" else f"{interval.low:.2f} – {interval.high:.2f}"


def signed(difference: float) -> str:
    """A difference with its sign, the minus as long as the plus."""
    return f"{difference:+.2f}".replace("-", "−")


def p_value(value: float) -> str:
    """A p-value with the digits that a permutation test of ten thousand draws has."""
    return f"{value:.4f}" if value >= 0.0001 else "< 0.0001"


def share(part: float) -> str:
    """A confidence such as 0.95 as `95 %`."""
    return f"{100 * part:g} %"
