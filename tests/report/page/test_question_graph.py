"""Depths and states of questions agree with the corrected protocol, whatever the graph."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpg_bench.records import Prompt, Question, Suite
from dpg_bench.report.page.question_graph import COUNTS, GATED_NO, GATED_YES, MISSING, NO, answer_states, depths
from dpg_bench.score.protocols.corrected import corrected_scores


def prompt_of(parents: dict[int, tuple[int, ...]]) -> Prompt:
    rows = tuple(Question(one, above, "entity", "entity - whole", f"Is {one}?") for one, above in parents.items())
    return Prompt("item", "text", rows)


graphs = st.integers(1, 6).flatmap(
    lambda count: st.lists(st.lists(st.integers(1, 7), max_size=3).map(tuple), min_size=count, max_size=count)
)


@given(graphs, st.data())
def test_the_questions_that_count_make_the_score(parents: list[tuple[int, ...]], data: st.DataObject) -> None:
    prompt = prompt_of(dict(enumerate(parents, start=1)))
    words = st.sampled_from(["yes", "no", "two"])
    answers = {image: {q.proposition_id: data.draw(words) for q in prompt.questions} for image in range(2)}
    states = answer_states(prompt, [*answers.values()])
    scores = corrected_scores(Suite("s", "s", (prompt,)), {"item": answers}, images_per_prompt=2)
    half = len(prompt.questions)
    counted = [states[:half].count(COUNTS), states[half:].count(COUNTS)]
    assert scores.items[0].counted == tuple(counted)
    said = [answers[image][q.proposition_id] == "yes" for image in range(2) for q in prompt.questions]
    assert [state in (COUNTS, GATED_YES) for state in states] == said


@given(graphs)
def test_parents_lie_above_their_children_unless_they_are_on_a_cycle(parents: list[tuple[int, ...]]) -> None:
    prompt = prompt_of(dict(enumerate(parents, start=1)))
    found = depths(prompt)
    assert found.keys() == {q.proposition_id for q in prompt.questions}
    deepest = max(found.values())
    for question in prompt.questions:
        for parent in question.parents:
            if parent in found:
                depth = found[question.proposition_id]
                assert found[parent] < depth or found[parent] == depth == deepest


@pytest.mark.parametrize(
    ("parents", "expected"),
    [
        ({1: (), 2: (1,), 3: (2,), 4: (1, 3)}, {1: 0, 2: 1, 3: 2, 4: 3}),
        ({3: (7,), 7: ()}, {7: 0, 3: 1}),
        ({1: (99,)}, {1: 0}),
        ({1: (), 2: (3,), 3: (2,), 4: (3,)}, {1: 0, 2: 1, 3: 1, 4: 1}),
        ({1: (1,)}, {1: 0}),
    ],
)
def test_depth_is_the_longest_way_from_a_root(parents: dict[int, tuple[int, ...]], expected: dict[int, int]) -> None:
    assert depths(prompt_of(parents)) == expected


def test_states_name_what_became_of_each_answer() -> None:
    prompt = prompt_of({1: (), 2: (1,), 3: (1,), 4: ()})
    answers = {0: {1: "no", 2: "yes", 3: "a dog"}, 1: {1: "yes", 2: "Yes", 3: "yes", 4: "yes"}}
    expected = NO + GATED_YES + GATED_NO + MISSING + COUNTS + NO + COUNTS + COUNTS + 4 * MISSING
    assert answer_states(prompt, [*answers.values(), {}]) == expected


def test_a_chain_of_thousands_of_questions_is_no_problem() -> None:
    chain = prompt_of({one: (one - 1,) if one > 1 else () for one in range(1, 2001)})
    assert depths(chain)[2000] == 1999
