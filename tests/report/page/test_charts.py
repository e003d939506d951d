"""Charts put values where their axes say they are."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpg_bench.report.page.charts import (
    WIDTH,
    Chart,
    Group,
    Mark,
    Value,
    bar_chart,
    column_chart,
    dot_chart,
    forest_chart,
    scatter_chart,
)

percentages = st.floats(0, 100)


@st.composite
def values(draw: st.DrawFn) -> Value:
    low, score, high = sorted(draw(st.tuples(percentages, percentages, percentages)))
    known = draw(st.booleans())
    return Value(score, low if known else None, high if known else None, draw(st.integers(0, 9)), "title")


groups = st.lists(st.builds(Group, st.text(max_size=9), st.lists(values(), max_size=3).map(tuple)), max_size=6)


@given(groups)
def test_everything_lies_inside_the_drawing(drawn: list[Group]) -> None:
    for chart in (bar_chart(drawn, summary=""), dot_chart(drawn, axis="", summary="")):
        edges = [(line.x1, line.y1) for line in chart.lines] + [(line.x2, line.y2) for line in chart.lines]
        edges += [(bar.x + bar.width, bar.y + bar.height) for bar in chart.bars] + [(d.x, d.y) for d in chart.dots]
        assert all(-1e-6 <= x <= WIDTH + 1e-6 and -1e-6 <= y <= chart.height + 1e-6 for x, y in edges)


@given(st.lists(percentages, min_size=1, max_size=6))
def test_a_bar_is_as_long_as_its_score(scores: list[float]) -> None:
    chart = bar_chart([Group("g", (Value(score, None, None, 0, ""),)) for score in scores], summary="")
    zero, hundred = axis_ends(chart)
    for bar, score in zip(chart.bars, scores, strict=True):
        assert bar.x == zero
        assert bar.width == pytest.approx((hundred - zero) * score / 100)


def axis_ends(chart: Chart) -> tuple[float, float]:
    places = {label.text: label.x for label in chart.labels if label.role == "tick"}
    return places["0"], places["100"]


@given(st.lists(values(), min_size=1, max_size=4))
def test_a_dots_height_can_be_read_off_the_axis(found: list[Value]) -> None:
    chart = dot_chart([Group("g", tuple(found))], axis="a", summary="")
    ticks = [label for label in chart.labels if label.anchor == "end"]
    (low, bottom), (high, top) = ((float(tick.text), tick.y) for tick in (ticks[0], ticks[-1]))
    assert 3 <= len(ticks) <= 6
    for dot, value in zip(chart.dots, found, strict=True):
        assert low - 1e-6 <= value.score <= high + 1e-6
        assert dot.y == pytest.approx(bottom + (value.score - low) / (high - low) * (top - bottom), abs=0.1)


def test_columns_of_runs_stand_side_by_side() -> None:
    chart = column_chart([[0, 4], [2, 2]], [["", "a: 4"], ["b: 2", "b: 2"]], summary="")
    assert [(bar.run, bar.title) for bar in chart.bars] == [(0, "a: 4"), (1, "b: 2"), (1, "b: 2")]
    first, low, right = chart.bars
    assert first.height == 2 * low.height
    assert first.x + first.width <= right.x


@st.composite
def differences(draw: st.DrawFn) -> Value:
    low, score, high = sorted(draw(st.tuples(*[st.floats(-100, 100)] * 3)))
    known = draw(st.booleans())
    return Value(score, low if known else None, high if known else None, draw(st.integers(0, 9)), "title")


@given(st.lists(st.builds(Group, st.text(max_size=9), st.lists(differences(), max_size=3).map(tuple)), max_size=6))
def test_a_difference_lies_on_its_side_of_zero(drawn: list[Group]) -> None:
    chart = forest_chart(drawn, axis="", summary="")
    ticks = {label.text: label.x for label in chart.labels if label.y > chart.height - 30 and label.text}
    (zero,) = [line.x1 for line in chart.lines if line.role == "axis"]
    assert ticks["0"] == zero
    for dot, value in zip(chart.dots, [value for group in drawn for value in group.values], strict=True):
        assert 0 <= dot.x <= WIDTH
        assert (dot.x - zero) * value.score >= -1e-6


@given(st.lists(st.builds(Mark, percentages, percentages, st.integers(0, 9), st.integers(1, 2000), st.just("t"))))
def test_a_prompt_that_gained_lies_above_the_diagonal(marks: list[Mark]) -> None:
    chart = scatter_chart(marks, across="a", up="b", summary="")
    (diagonal,) = [line for line in chart.lines if line.role == "diagonal"]
    slope = (diagonal.y2 - diagonal.y1) / (diagonal.x2 - diagonal.x1)
    for dot, mark in zip(chart.dots, sorted(marks, key=lambda mark: -mark.count), strict=True):
        above = diagonal.y1 + slope * (dot.x - diagonal.x1) - dot.y
        assert above == pytest.approx((mark.second - mark.first) * 3, abs=1e-6), "the plot is 300 high"
        assert 2 < dot.radius <= 9


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=20))
def test_prompts_are_counted_in_whole_numbers(counts: list[int]) -> None:
    chart = column_chart([counts], [[""] * len(counts)], summary="")
    ticks = [label.text for label in chart.labels if label.anchor == "end"]
    assert all(float(tick).is_integer() for tick in ticks)
