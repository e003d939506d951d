"""The corrected protocol: ancestors in any order, all images, and nothing missing counted as no."""

from __future__ import annotations

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.records import Prompt, Question, Suite
from dpg_bench.score.protocols.base import Exclusion, Tally
from dpg_bench.score.protocols.corrected import corrected_scores, with_ancestors


def question(number: int, *parents: int, category: str = "entity - whole") -> Question:
    return Question(number, parents, category.split(" - ", maxsplit=1)[0], category, f"Question {number}?")


def suite(*questions: Question) -> Suite:
    return Suite("test", "test", (Prompt("item", "", questions),))


def score(*questions: Question, images: list[str]) -> list[float]:
    answers = {
        "item": {
            image: {q.proposition_id: "yes" if a == "y" else "no" for q, a in zip(questions, given, strict=True)}
            for image, given in enumerate(images)
        }
    }
    return list(corrected_scores(suite(*questions), answers, images_per_prompt=len(images)).items[0].images)


def test_every_row_counts_the_first_included() -> None:
    assert score(question(1), question(2), images=["ny", "yy"]) == [50, 100]


def test_an_ancestor_gates_whatever_the_order_of_the_rows() -> None:
    assert score(question(1, 2), question(2, 3), question(3), question(4), images=["yyny"]) == [25]


def test_a_cycle_counts_only_as_a_whole() -> None:
    cycle = (question(1, 2), question(2, 3), question(3, 1), question(4))
    assert score(*cycle, images=["yyyn", "yyny"]) == [75, 25]


def test_a_question_that_depends_on_itself_is_like_one_without_parents() -> None:
    assert score(question(1, 1), images=["y", "n"]) == [100, 0]


def test_a_dependency_on_nothing_is_ignored() -> None:
    assert score(question(1), question(2, 1, 9), images=["yy"]) == [100]


def test_ancestors_are_found_through_every_path() -> None:
    prompt = Prompt("item", "", (question(1), question(2, 1), question(3, 1), question(4, 2, 3)))
    assert with_ancestors(prompt)[4] == {1, 2, 3, 4}


def test_categories_count_raw_answers_about_all_images() -> None:
    questions = (question(1), question(2, 1, category="attribute - color"))
    answers = {"item": {0: {1: "no", 2: "yes"}, 1: {1: "no", 2: "no"}}}
    result = corrected_scores(suite(*questions), answers, images_per_prompt=2)
    assert result.overall == 0
    assert result.items[0].l2 == {"entity - whole": Tally(0, 2, 1), "attribute - color": Tally(1, 2, 1)}
    assert (result.l1["attribute"].score, result.l1["attribute"].questions) == (50, 1)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({}, "no answers"),
        ({"item": {0: {1: "yes", 2: "yes"}}}, "no answers about image 1"),
        ({"item": {0: {1: "yes"}, 1: {}}}, "1 of 2 questions about image 0 unanswered, the first 2"),
    ],
)
def test_an_item_that_lacks_anything_is_unscored_and_never_zero(
    answers: dict[str, dict[int, dict[int, str]]], reason: str
) -> None:
    result = corrected_scores(suite(question(1), question(2)), answers, images_per_prompt=2)
    assert result.items == ()
    assert result.overall is None
    assert result.l1["entity"].score is None
    assert result.excluded == (Exclusion("item", reason, "missing"),)


def test_what_was_never_asked_does_not_make_a_run_incomplete() -> None:
    questions = (question(1), question(2))
    result = corrected_scores(
        suite(*questions), {"item": {0: {2: "yes"}}}, images_per_prompt=1, never_asked={"item": "never asked"}
    )
    assert result.excluded == (Exclusion("item", "never asked", "protocol"),)
    assert result.complete


def test_an_item_that_the_suite_lacks_is_named() -> None:
    with pytest.raises(BadInputError, match="no item 'other'"):
        corrected_scores(suite(question(1)), {}, images_per_prompt=1, item_ids=["item", "other"])
