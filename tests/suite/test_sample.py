"""The sample suite is what it promises: dense prompts, every category, deep and sound question graphs."""

from __future__ import annotations

import csv
import re
from collections import Counter

import pytest

from dpg_bench.hub.cache import shipped_folder
from dpg_bench.records import Prompt, Suite
from dpg_bench.suite.registry import load_suite, suite_specs

_CATEGORIES = {
    *("entity - whole", "entity - part", "entity - state"),
    *(f"attribute - {kind}" for kind in ("color", "texture", "shape", "size", "other")),
    *("relation - spatial", "relation - non-spatial", "other - count", "other - text", "global -"),
}


@pytest.fixture(scope="module")
def sample() -> Suite:
    return load_suite("sample")


def test_there_are_24_prompts_or_more_of_40_to_130_words(sample: Suite) -> None:
    assert len(sample.prompts) >= 24
    lengths = {prompt.item_id: len(prompt.text.split()) for prompt in sample.prompts}
    assert not {item_id: words for item_id, words in lengths.items() if not 40 <= words <= 130}
    assert len({prompt.text for prompt in sample.prompts}) == len(sample.prompts)


def test_every_category_has_several_questions(sample: Suite) -> None:
    counts = Counter(question.category for prompt in sample.prompts for question in prompt.questions)
    assert set(counts) == _CATEGORIES
    assert min(counts.values()) >= 5


def test_every_graph_is_three_deep_and_points_backwards(sample: Suite) -> None:
    for prompt in sample.prompts:
        assert 8 <= len(prompt.questions) <= 15
        assert [question.proposition_id for question in prompt.questions] == list(range(1, len(prompt.questions) + 1))
        assert _depth(prompt) >= 3, prompt.item_id


def _depth(prompt: Prompt) -> int:
    depths: dict[int, int] = {}
    for question in prompt.questions:  # a parent in a later row would be a KeyError here
        depths[question.proposition_id] = 1 + max((depths[parent] for parent in question.parents), default=0)
    return max(depths.values())


def test_every_question_asks_for_yes_or_no_and_only_once(sample: Suite) -> None:
    for prompt in sample.prompts:
        texts = [question.text for question in prompt.questions]
        assert len(set(texts)) == len(texts)
        assert all(re.fullmatch(r"(Is|Are|Does|Do) .*\?", text) for text in texts), prompt.item_id


def test_quoted_words_are_asked_for_as_the_prompt_has_them(sample: Suite) -> None:
    for prompt in sample.prompts:
        for question in prompt.questions:
            for quoted in re.findall(r'"(.+?)"', question.text):
                assert f'"{quoted}"' in prompt.text, (prompt.item_id, quoted)


def test_item_ids_are_their_own_file_names_in_order(sample: Suite) -> None:
    for number, prompt in enumerate(sample.prompts, start=1):
        assert re.fullmatch(rf"sample{number:02d}-[a-z]+", prompt.item_id)


def test_the_row_that_the_official_protocol_drops_has_no_children(sample: Suite) -> None:
    first = sample.prompts[0]
    assert not any(first.questions[0].proposition_id in question.parents for question in first.questions)


def test_the_category_columns_agree_with_the_tuples() -> None:
    with (shipped_folder("prompts") / "sample.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            category = f"{row['category_broad']} - {row['category_detailed']}".strip()
            assert row["tuple"].startswith(f"{category} (")
            assert row["tuple"].endswith(")")


def test_the_listing_states_its_size(sample: Suite) -> None:
    spec = suite_specs()["sample"]
    assert spec.size == f"{len(sample.prompts)} prompts, {sample.question_count} questions"
