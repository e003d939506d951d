"""The soft score: P(yes) in place of answers, gated by the product over ancestors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpg_bench.records import Prompt, Question, Suite
from dpg_bench.score.protocols.corrected import corrected_scores
from dpg_bench.score.protocols.soft import soft_scores
from dpg_bench.score.scorecard import JudgeCard, RunCard
from dpg_bench.score.scoring import answers_to_scorecard


def question(number: int, parents: tuple[int, ...] = (), category: str = "entity - whole") -> Question:
    return Question(number, parents, category.split(" - ", maxsplit=1)[0], category, f"Question {number}?")


CHAIN = Prompt("chain", "text", (question(1), question(2, (1,), "attribute - color"), question(3, (2,))))
CIRCLE = Prompt("circle", "text", (question(1, (2,)), question(2, (1,))))


def test_a_question_counts_with_the_product_over_itself_and_all_its_ancestors() -> None:
    scores = soft_scores([CHAIN], {"chain": {0: {1: 0.5, 2: 0.4, 3: 1.0}}}, images_per_prompt=1)
    assert scores is not None
    assert scores.images.tolist() == [[pytest.approx(100 * (0.5 + 0.2 + 0.2) / 3)]]
    assert scores.l1["entity"].score == pytest.approx(75)
    assert scores.l2["attribute - color"].score == pytest.approx(40)


def test_in_a_circle_every_member_counts_once() -> None:
    scores = soft_scores([CIRCLE], {"circle": {0: {1: 0.5, 2: 0.5}}}, images_per_prompt=1)
    assert scores is not None
    assert scores.images.tolist() == [[25.0]]


def test_there_is_none_if_a_single_p_yes_is_missing() -> None:
    assert soft_scores([CHAIN], {"chain": {0: {1: 0.5, 3: 1.0}}}, images_per_prompt=1) is None
    assert soft_scores([CHAIN], {"chain": {0: {1: 0.5, 2: 0.4, 3: 1.0}}}, images_per_prompt=2) is None


@given(st.lists(st.booleans(), min_size=3, max_size=3), st.lists(st.booleans(), min_size=3, max_size=3))
def test_a_judge_that_is_sure_scores_softly_what_the_corrected_protocol_gives(one: list[bool], two: list[bool]) -> None:
    suite = Suite("s", "s", (CHAIN,))
    answers = {"chain": {k: dict(enumerate(map(_word, image), 1)) for k, image in enumerate((one, two))}}
    p_yes = {"chain": {k: dict(enumerate(map(float, image), 1)) for k, image in enumerate((one, two))}}
    corrected = corrected_scores(suite, answers, images_per_prompt=2)
    soft = soft_scores(suite.prompts, p_yes, images_per_prompt=2)
    assert soft is not None
    assert soft.overall == pytest.approx(corrected.overall)
    assert {name: tally.score for name, tally in soft.l2.items()} == {
        name: pytest.approx(category.score) for name, category in corrected.l2.items()
    }


def _word(said_yes: bool) -> str:
    return "yes" if said_yes else "no"


@pytest.mark.parametrize("allow_missing", [False, True])
def test_an_incomplete_run_shows_a_soft_score_only_where_it_is_allowed(allow_missing: bool) -> None:
    suite = Suite("s", "s", (CHAIN, CIRCLE))
    card = answers_to_scorecard(
        suite,
        {"chain": {0: {1: "yes", 2: "yes", 3: "no"}}},
        judge=JudgeCard(name="j", fingerprint=None),
        run=RunCard(model=None, images_per_prompt=1, allow_missing=allow_missing, scored_by="0"),
        p_yes={"chain": {0: {1: 1.0, 2: 1.0, 3: 0.25}}},
    )
    assert card.soft is not None
    assert card.soft.prompts_scored == 1
    assert card.soft.overall == (75.0 if allow_missing else None)
    assert card.soft.l2["entity - whole"].score == 62.5
