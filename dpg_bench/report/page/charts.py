"""Numbers → shapes: where the bars, dots and labels of a chart stand. `templates/chart.svg.j2` draws them.

Lengths are in units of the drawing, which the page scales to its width; colours are the page's own, by the
number of the run, so that charts follow dark mode and print. A chart is 440 wide: at that width its text is as large
as the page's, and still legible on a telephone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

WIDTH = 440.0
DOT = 4.5


@dataclass(frozen=True, slots=True)
class Line:
    """A grid line, an axis, or the interval of run number `run`."""

    x1: float
    y1: float
    x2: float
    y2: float
    role: Literal["grid", "axis", "diagonal", "interval"]
    run: int = 0


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of run number `run`; `title` is shown when pointed at."""

    x: float
    y: float
    width: float
    height: float
    run: int
    title: str


@dataclass(frozen=True, slots=True)
class Dot:
    """A point of run number `run`; `title` is shown when pointed at. A `faint` one lets others shine through."""

    x: float
    y: float
    run: int
    title: str
    hollow: bool = False
    radius: float = DOT
    faint: bool = False


@dataclass(frozen=True, slots=True)
class Label:
    """Text whose `anchor` lies at x, and its middle at y."""

    x: float
    y: float
    text: str
    anchor: Literal["start", "middle", "end"] = "middle"
    role: Literal["tick", "name", "value"] = "tick"


@dataclass(frozen=True, slots=True)
class Chart:
    """A drawing of `WIDTH` by `height`; `summary` says in words what it shows, for those who don't see it."""

    height: float
    summary: str
    lines: list[Line] = field(default_factory=list)
    bars: list[Bar] = field(default_factory=list)
    dots: list[Dot] = field(default_factory=list)
    labels: list[Label] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Value:
    """A percentage of run number `run` with its interval, if it has one; `title` is shown when pointed at."""

    score: float
    low: float | None
    high: float | None
    run: int
    title: str
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class Mark:
    """`count` prompts that scored `first` in the first run and `second` in run number `run`, 0 to 100."""

    first: float
    second: float
    run: int
    count: int
    title: str


@dataclass(frozen=True, slots=True)
class Group:
    """What stands at one place of a chart's axis: a name, a second line below it, and the values of the runs."""

    name: str
    values: tuple[Value, ...]
    note: str = ""


def bar_chart(groups: Sequence[Group], *, summary: str) -> Chart:
    """Horizontal bars from 0 to 100 with intervals, a row for each group and a bar for each of its values."""
    left, right, top = 84.0, WIDTH - 46.0, 6.0
    thickness = 20.0 if all(len(group.values) <= 1 for group in groups) else 14.0
    heights = [max(1, len(group.values)) * (thickness + 2) + 10 for group in groups]
    bottom = top + sum(heights)
    chart = Chart(height=bottom + 20, summary=summary)
    for tick in range(0, 101, 25):
        x = left + (right - left) * tick / 100
        chart.lines.append(Line(x, top, x, bottom, "axis" if tick == 0 else "grid"))
        chart.labels.append(Label(x, bottom + 11, str(tick)))
    y = top
    for group, height in zip(groups, heights, strict=True):
        chart.labels.append(Label(left - 8, y + height / 2, group.name, "end", "name"))
        for place, value in enumerate(group.values):
            middle = y + 6 + place * (thickness + 2) + thickness / 2
            width = (right - left) * value.score / 100
            chart.bars.append(Bar(left, middle - thickness / 2, width, thickness, value.run, value.title))
            end = value.score
            if value.low is not None and value.high is not None:
                ends = [left + (right - left) * bound / 100 for bound in (value.low, value.high)]
                chart.lines.append(Line(ends[0], middle, ends[1], middle, "interval"))
                chart.lines.extend(Line(x, middle - 4, x, middle + 4, "interval") for x in ends)
                end = max(end, value.high)
            x = left + (right - left) * end / 100 + 6
            chart.labels.append(Label(x, middle, f"{value.score:.1f}", "start", "value"))
        y += height
    return chart


def column_chart(counts: Sequence[Sequence[int]], titles: Sequence[Sequence[str]], *, summary: str) -> Chart:
    """Columns over the range 0 to 100: `counts` and `titles` are [runs, bins], side by side within each bin."""
    left, right, top, bottom = 40.0, WIDTH - 14.0, 12.0, 196.0
    chart = Chart(height=bottom + 38, summary=summary)
    ticks = _ticks(0, max([4, *(count for run in counts for count in run)]), whole=True)
    for tick in ticks:
        y = bottom - (bottom - top) * tick / ticks[-1]
        chart.lines.append(Line(left, y, right, y, "axis" if tick == 0 else "grid"))
        chart.labels.append(Label(left - 6, y, f"{tick:g}", "end"))
    bins = len(counts[0])
    step = (right - left) / bins
    width = (step - 2) / len(counts)
    for run, row in enumerate(counts):
        for place, count in enumerate(row):
            height = (bottom - top) * count / ticks[-1]
            x = left + place * step + 1 + run * width
            if count:
                chart.bars.append(Bar(x, bottom - height, width, height, run, titles[run][place]))
    for tick in range(0, 101, 20):
        chart.labels.append(Label(left + (right - left) * tick / 100, bottom + 12, str(tick)))
    chart.labels.append(Label((left + right) / 2, bottom + 29, "score of a prompt"))
    return chart


def dot_chart(groups: Sequence[Group], *, axis: str, summary: str) -> Chart:
    """Dots with intervals, a place on the horizontal axis for each group; the vertical axis spans the data."""
    left, right, top, bottom = 40.0, WIDTH - 8.0, 12.0, 184.0
    chart = Chart(height=bottom + 54, summary=summary)
    low, high = min(_bounds(groups), default=0), max(_bounds(groups), default=100)
    if high - low < 1:  # nearly alike: a point of the scale is enough
        middle = min(max((low + high) / 2, 0.5), 99.5)
        low, high = middle - 0.5, middle + 0.5
    ticks = _ticks(low, high)

    def height_of(score: float) -> float:
        return bottom - (bottom - top) * (score - ticks[0]) / (ticks[-1] - ticks[0])

    for tick in ticks:
        y = height_of(tick)
        chart.lines.append(Line(left, y, right, y, "axis" if tick == ticks[0] else "grid"))
        chart.labels.append(Label(left - 6, y, f"{tick:g}", "end"))
    step = (right - left) / max(1, len(groups))
    for place, group in enumerate(groups):
        middle = left + (place + 0.5) * step
        chart.labels.append(Label(middle, bottom + 13, group.name))
        chart.labels.append(Label(middle, bottom + 28, group.note))
        apart = min(14.0, step / (len(group.values) + 1))
        for number, value in enumerate(group.values):
            x = middle + (number - (len(group.values) - 1) / 2) * apart
            if value.low is not None and value.high is not None:
                ends = height_of(value.low), height_of(value.high)
                chart.lines.append(Line(x, ends[0], x, ends[1], "interval", value.run))
            chart.dots.append(Dot(x, height_of(value.score), value.run, value.title, value.hollow))
    chart.labels.append(Label((left + right) / 2, bottom + 46, axis))
    return chart


def forest_chart(groups: Sequence[Group], *, axis: str, summary: str) -> Chart:
    """Differences with their intervals, a row for each group, around the line of no difference."""
    left, right, top, row = 118.0, WIDTH - 14.0, 6.0, 15.0
    heights = [max(1, len(group.values)) * row + 6 for group in groups]
    bottom = top + sum(heights)
    chart = Chart(height=bottom + 38, summary=summary)
    low, high = min([0.0, *_bounds(groups)]), max([0.0, *_bounds(groups)])
    ticks = _ticks(low, high if high - low >= 1 else low + 1)

    def place_of(difference: float) -> float:
        return left + (right - left) * (difference - ticks[0]) / (ticks[-1] - ticks[0])

    for tick in ticks:
        x = place_of(tick)
        chart.lines.append(Line(x, top, x, bottom, "axis" if tick == 0 else "grid"))
        chart.labels.append(Label(x, bottom + 12, f"{tick:+g}".replace("-", "−") if tick else "0"))
    y = top
    for group, height in zip(groups, heights, strict=True):
        chart.labels.append(Label(left - 8, y + height / 2, group.name, "end", "name"))
        for place, value in enumerate(group.values):
            middle = y + 3 + (place + 0.5) * row
            if value.low is not None and value.high is not None:
                ends = place_of(value.low), place_of(value.high)
                chart.lines.append(Line(ends[0], middle, ends[1], middle, "interval", value.run))
            chart.dots.append(Dot(place_of(value.score), middle, value.run, value.title, value.hollow))
        y += height
    chart.labels.append(Label((left + right) / 2, bottom + 29, axis))
    return chart


def scatter_chart(marks: Sequence[Mark], *, across: str, up: str, summary: str) -> Chart:
    """Every prompt's score in the first run, `across`, against that in another, `up`: above the diagonal it gained."""
    left, right, top = 40.0, WIDTH - 14.0, 26.0
    bottom = top + 300
    chart = Chart(height=bottom + 38, summary=summary)
    for tick in range(0, 101, 20):
        x, y = left + (right - left) * tick / 100, bottom - (bottom - top) * tick / 100
        role: Literal["axis", "grid"] = "grid" if tick else "axis"
        chart.lines.extend([Line(x, top, x, bottom, role), Line(left, y, right, y, role)])
        chart.labels.extend([Label(x, bottom + 12, str(tick)), Label(left - 6, y, str(tick), "end")])
    chart.lines.append(Line(left, bottom, right, top, "diagonal"))
    for mark in sorted(marks, key=lambda mark: -mark.count):
        x = left + (right - left) * mark.first / 100
        y = bottom - (bottom - top) * mark.second / 100
        radius = min(9.0, 2.6 * math.sqrt(mark.count))  # the area counts prompts, up to a dozen
        chart.dots.append(Dot(x, y, mark.run, mark.title, radius=radius, faint=True))
    chart.labels.append(Label((left + right) / 2, bottom + 29, across))
    chart.labels.append(Label(left, top - 14, up, "start"))
    return chart


def _bounds(groups: Sequence[Group]) -> list[float]:
    values = [value for group in groups for value in group.values]
    return [one for value in values for one in (value.score, value.low, value.high) if one is not None]


def _ticks(low: float, high: float, *, whole: bool = False) -> list[float]:
    """Three to six round numbers that enclose both ends, which are apart; `whole` ones need ends 4 apart."""
    exact = (high - low) / 4
    power = 10.0 ** math.floor(math.log10(exact))
    steps = [power * nice for nice in (1, 2, 2.5, 5, 10)]
    step = next(one for one in steps if one >= exact and not (whole and one % 1))
    return [round(step * place, 10) for place in range(math.floor(low / step), math.ceil(high / step) + 1)]
