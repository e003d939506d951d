"""The quirks of the official protocol, one by one, on graphs small enough to score by hand."""

from __future__ import annotations

from dpg_bench.records import Prompt, Question, Suite
from dpg_bench.score.protocols.base import Exclusion, Tally
from dpg_bench.score.protocols.official import official_scores


def question(number: int, *parents: int, category: str = "entity - whole") -> Question:
    return Question(number, parents, category.split(" - ", maxsplit=1)[0], category, f"Question {number}?")


def suite(*questions: Question) -> Suite:
    """A suite whose first row, the one that is skipped, belongs to another item."""
    return Suite("test", "test", (Prompt("first", "", (question(1),)), Prompt("item", "", questions)))


def score(*questions: Question, images: list[str]) -> list[float] | Exclusion:
    """The image scores of an item whose questions got `images[k]`, y or n by row, about image k."""
    answers = {
        "item": {
            image: {q.proposition_id: "yes" if a == "y" else "no" for q, a in zip(questions, given, strict=True)}
            for image, given in enumerate(images)
        }
    }
    result = official_scores(suite(*questions), answers, images_per_prompt=len(images), item_ids=["item"])
    return list(result.items[0].images) if result.items else result.excluded[0]


def test_a_no_takes_its_children_with_it_in_row_order() -> None:
    assert score(question(1), question(2, 1), question(3, 2), question(4), images=["nyyy"]) == [25]


def test_a_parent_in_a_later_row_gates_with_its_raw_answer() -> None:
    # 1 hangs on 2, which is yes when row 1 looks; that 2's own parent is no comes too late.
    assert score(question(1, 2), question(2, 3), question(3), question(4), images=["yyny"]) == [50]


def test_only_exactly_yes_counts() -> None:
    questions = [question(number) for number in range(1, 6)]
    given = dict(zip(range(1, 6), ["yes", "Yes", "yes ", "yes yes", ""], strict=True))
    result = official_scores(suite(*questions), {"item": {0: given}}, images_per_prompt=1, item_ids=["item"])
    assert result.overall == 20


def test_an_item_scores_the_mean_of_its_images_and_the_run_the_mean_of_its_items() -> None:
    questions = (question(1), question(2))
    both = Suite(
        "test",
        "test",
        (Prompt("first", "", (question(1),)), Prompt("a", "", questions), Prompt("b", "", questions[:1])),
    )
    answers = {"a": {0: {1: "yes", 2: "no"}, 1: {1: "yes", 2: "yes"}}, "b": {0: {1: "no"}, 1: {1: "no"}}}
    result = official_scores(both, answers, images_per_prompt=2, item_ids=["a", "b"])
    assert [item.score for item in result.items] == [75, 0]
    assert result.overall == 37.5


def test_a_missing_parent_drops_the_item() -> None:
    excluded = score(question(1), question(2, 9), images=["yy"])
    assert excluded == Exclusion("item", "question 2 depends on question 9, which has no row", "protocol")


def test_a_missing_parent_does_no_harm_behind_a_parent_that_is_no() -> None:
    assert score(question(1), question(2, 1, 9), images=["ny"]) == [0]


def test_one_image_where_the_missing_parent_is_looked_up_is_enough() -> None:
    assert isinstance(score(question(1), question(2, 1, 9), images=["ny", "yy"]), Exclusion)


def test_answers_after_the_image_that_dropped_the_item_are_not_needed() -> None:
    answers = {"item": {0: {1: "yes", 2: "yes"}}}
    result = official_scores(suite(question(1), question(2, 9)), answers, images_per_prompt=4, item_ids=["item"])
    assert result.excluded[0].cause == "protocol"


def test_categories_count_raw_answers_about_the_last_image() -> None:
    questions = (question(1), question(2, 1, category="attribute - color"), question(3, category="attribute - size"))
    answers = {"item": {0: {1: "yes", 2: "no", 3: "yes"}, 1: {1: "no", 2: "yes", 3: "no"}}}
    result = official_scores(suite(*questions), answers, images_per_prompt=2, item_ids=["item"])
    assert result.items[0].l1 == {"entity": Tally(0, 1, 1), "attribute": Tally(1, 2, 2)}
    assert {name: score.score for name, score in result.l2.items()} == {
        "attribute - color": 100,
        "attribute - size": 0,
        "entity - whole": 0,
    }


def test_the_suites_first_row_is_skipped_and_its_answer_not_needed() -> None:
    lone = Suite("test", "test", (Prompt("first", "", (question(1), question(2))),))
    result = official_scores(lone, {"first": {0: {2: "yes"}}}, images_per_prompt=1)
    assert (result.overall, result.items[0].questions) == (100, 1)


def test_an_item_that_hangs_on_the_first_row_is_dropped_naming_it() -> None:
    lone = Suite("test", "test", (Prompt("first", "", (question(1), question(2, 1))),))
    result = official_scores(lone, {"first": {0: {1: "yes", 2: "yes"}}}, images_per_prompt=1)
    reason = "question 2 depends on question 1, the suite's first row, which is skipped"
    assert result.excluded == (Exclusion("first", reason, "protocol"),)
    assert result.complete
    assert result.overall is None


def test_an_item_that_is_the_first_row_alone_is_dropped() -> None:
    result = official_scores(suite(question(1)), {"first": {0: {1: "yes"}}}, images_per_prompt=1, item_ids=["first"])
    assert result.excluded[0].cause == "protocol"
    assert "first row" in result.excluded[0].reason


def test_the_skipped_row_is_the_suites_even_if_the_run_starts_elsewhere() -> None:
    assert score(question(1), question(2), images=["yn"]) == [50]


def test_an_unanswered_question_leaves_the_item_out_and_is_named() -> None:
    answers = {"item": {0: {1: "yes", 2: "no"}, 1: {1: "yes"}}}
    result = official_scores(suite(question(1), question(2)), answers, images_per_prompt=2, item_ids=["item"])
    assert result.excluded == (Exclusion("item", "1 of 2 questions about image 1 unanswered, the first 2", "missing"),)
    assert not result.complete


def test_a_failed_item_is_left_out_with_its_reason_even_if_it_has_answers() -> None:
    result = official_scores(
        suite(question(1)),
        {"item": {0: {1: "yes"}}},
        images_per_prompt=1,
        item_ids=["item"],
        failures={"item": "the image is broken"},
    )
    assert result.excluded == (Exclusion("item", "the image is broken", "failed"),)
