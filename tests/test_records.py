"""Suites as records: what a selection of one holds."""

from __future__ import annotations

from collections import Counter

import pytest

from dpg_bench.records import Prompt, Suite
from dpg_bench.suite.registry import load_suite


def categories(suite: Suite) -> Counter[str]:
    return Counter(question.category for prompt in suite for question in prompt.questions)


def test_a_selection_is_always_the_same_and_a_larger_one_holds_it() -> None:
    suite = load_suite("sample")
    few, more = suite.select(6, seed=0), suite.select(12, seed=0)
    assert few.prompts == load_suite("sample").select(6, seed=0).prompts
    assert len(few) == 6
    assert set(few) < set(more)
    assert few.prompts != suite.select(6, seed=1).prompts
    assert list(more) == [prompt for prompt in suite if prompt in set(more)]


def test_a_selection_asks_about_every_category_where_there_is_room() -> None:
    suite = load_suite("sample")
    assert categories(suite.select(6)).keys() == categories(suite).keys()


def test_a_selection_knows_the_suite_it_is_of() -> None:
    suite = load_suite("sample")
    few = suite.select(8)
    assert few.whole is suite
    assert few.select(4).whole is suite
    assert suite.select(100).prompts == suite.prompts
    assert suite.digest != few.digest


def test_prompts_without_questions_are_selected_too() -> None:
    suite = Suite("mine", "mine", tuple(Prompt(str(number), "A prompt.", ()) for number in range(9)))
    assert len(suite.select(4)) == 4
    assert set(suite.select(3)) < set(suite.select(4))


def test_an_empty_selection_is_refused() -> None:
    with pytest.raises(ValueError, match="not 0"):
        load_suite("sample").select(0)
