"""Scores and their intervals → where the marks of a row's drawing stand; all rows of a table share one scale.

Lengths are in units of a drawing of `WIDTH` by `HEIGHT`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from dpg_bench.report.leaderboard.entry import Entry

WIDTH = 200.0
HEIGHT = 22.0
_MARGIN = 7.0
_STEP = 5
_TICKS_AT_MOST = 9


@dataclass(frozen=True, slots=True)
class Scale:
    """The range of percentages that a drawing spans, from one multiple of five to another."""

    low: int
    high: int

    def x(self, score: float) -> float:
        """Where `score` stands, rounded to what the eye could tell."""
        return round(_MARGIN + (WIDTH - 2 * _MARGIN) * (score - self.low) / (self.high - self.low), 2)

    @property
    def ticks(self) -> tuple[int, ...]:
        """The scores at which lines are drawn."""
        step = _STEP
        while (self.high - self.low) / step > _TICKS_AT_MOST:
            step *= 2
        return tuple(range(math.ceil(self.low / step) * step, self.high + 1, step))


@dataclass(frozen=True, slots=True)
class Drawing:
    """A row's marks: the score, the ends of its interval, and the claim that a reproduction is held against."""

    score: float
    low: float | None
    high: float | None
    published: float | None
    ticks: tuple[float, ...]


def common_scale(entries: Sequence[Entry]) -> Scale:
    """The narrowest scale that every score, interval and claim of `entries` fits on."""
    numbers = [
        float(number)
        for entry in entries
        for number in (entry.overall, entry.low, entry.high, entry.published)
        if number is not None
    ]
    low = math.floor(min(numbers, default=0) / _STEP) * _STEP
    high = math.ceil(max(numbers, default=100) / _STEP) * _STEP
    return Scale(low, high) if high > low else Scale(max(0, low - _STEP), min(100, low + _STEP))


def draw(entry: Entry, scale: Scale) -> Drawing:
    """The marks of one row."""

    def place(number: object) -> float | None:
        return None if number is None else scale.x(float(str(number)))

    return Drawing(
        score=scale.x(float(entry.overall)),
        low=place(entry.low),
        high=place(entry.high),
        published=place(entry.published),
        ticks=tuple(scale.x(tick) for tick in scale.ticks),
    )
