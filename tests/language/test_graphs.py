"""Question graphs: checked line by line, asked again where an answer can't be used, and never guessed."""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.jobs.graph import GraphOutcome, GraphRequest, execute_graph, plan_graph
from dpg_bench.language.base import WriterSettings
from dpg_bench.language.graph_answers import CATEGORIES, read_dependencies, read_facts, read_questions
from dpg_bench.language.graph_examples import example_graphs
from dpg_bench.language.graph_steps import step_conversation
from dpg_bench.records import Prompt, Suite
from dpg_bench.report.review.html import suite_to_html
from dpg_bench.suite.registry import load_suite
from tests.openai_server import Asked, OpenAIServer, Reply, chat, fail
from tests.toy_language_model import save_language_model

SUITE = Suite("mine", "mine", (Prompt("owl", "a brown owl <b>awake</b>", ()), Prompt("fox", "a fox", ())))
FACTS = {
    "a brown owl": "1 | entity - whole (owl)\n2 | attribute - color (owl, brown)\n3 | entity - state (owl, awake)",
    "a fox": "1 | entity - whole (fox)",
}
QUESTIONS = {
    "a brown owl": "1 | Is there an owl?\n3 | Is the owl awake?\n2 | Is the owl brown?",
    "a fox": "1 | Is there a fox?",
}
PARENTS = {"a brown owl": "1 | 0\n2 | 1\n3 | 1", "a fox": "1 | 0"}
Draw = Callable[..., GraphOutcome]


def about(asked: Asked) -> str:
    """The last user's turn that is no complaint."""
    said = [turn["content"] for turn in asked.body["messages"] if turn["role"] == "user"]
    return str(next(text for text in reversed(said) if not text.startswith("That can't be used")))


def answer(asked: Asked) -> Reply:
    """As a good model answers: by the step that the instruction names, and the prompt in the last turn."""
    turns = asked.body["messages"]
    last = about(asked)
    table = QUESTIONS if "Write one question" in turns[0]["content"] else PARENTS
    table = FACTS if "take a description" in turns[0]["content"] else table
    return chat(next(lines for start, lines in table.items() if last.startswith(start)), model="toy-1")


@pytest.fixture
def toy() -> Iterator[OpenAIServer]:
    with OpenAIServer(answer, models=["toy"]) as server:
        yield server


@pytest.fixture
def draw(toy: OpenAIServer, tmp_path: Path) -> Draw:
    def run(**changes: object) -> GraphOutcome:
        writer = WriterSettings(f"toy@{toy.url}", concurrency=1)
        request = GraphRequest(prompts=SUITE, writer=writer, out=tmp_path / "mine.csv")
        return execute_graph(plan_graph(replace(request, **changes)))  # type: ignore[arg-type]

    return run


def test_the_suite_holds_every_fact_with_its_question_and_what_it_needs(draw: Draw, tmp_path: Path) -> None:
    outcome = draw()
    assert outcome.failed == {}
    suite = load_suite(str(tmp_path / "mine.csv"), strict=True)
    owl = suite.by_id["owl"]
    assert [(q.proposition_id, q.parents, q.category, q.text) for q in owl.questions] == [
        (1, (), "entity - whole", "Is there an owl?"),
        (2, (1,), "attribute - color", "Is the owl brown?"),
        (3, (1,), "entity - state", "Is the owl awake?"),
    ]
    with (tmp_path / "mine.csv").open(newline="", encoding="utf-8") as file:
        row = next(csv.DictReader(file))
    assert row["model"].startswith("toy@")
    assert (row["revision"], row["tuple"]) == ("toy-1", "entity - whole (owl)")
    assert row["recipe"].startswith("three-steps@")
    assert [path.name for path in tmp_path.iterdir()] == ["mine.csv"]


def test_an_answer_that_cannot_be_used_is_told_why_and_asked_again(draw: Draw, toy: OpenAIServer) -> None:
    toy.first.append(chat("Here they are:\n1 | entity - whole (owl)"))
    assert draw().failed == {}
    again = next(body["messages"] for body in toy.posted if "can't be used" in body["messages"][-1]["content"])
    assert "Here they are:" in again[-1]["content"]
    assert again[-2]["role"] == "assistant"


def test_a_prompt_without_a_graph_is_named_and_nothing_is_written(
    draw: Draw, toy: OpenAIServer, tmp_path: Path
) -> None:
    bad = chat("1 | mood - calm (owl)")
    toy.first.extend([bad, fail(400, "too rude", code="content_filter")])
    toy.answer = lambda asked: bad if about(asked).startswith("a brown owl") else answer(asked)
    outcome = draw()
    assert outcome.suite is None
    assert outcome.failed["owl"].startswith("tuples: line 1 has the category 'mood - calm'")
    assert "refused the content" in outcome.failed["fox"]
    assert not (tmp_path / "mine.csv").exists()
    some = draw(leave_out_failed=True)
    assert some.suite is not None
    assert [prompt.item_id for prompt in some.suite.prompts] == ["fox"]
    assert some.failed.keys() == {"owl"}
    toy.answer = answer
    whole = draw(force=True)
    assert whole.suite is not None
    assert len(whole.suite) == 2


def test_what_was_answered_is_not_asked_again(draw: Draw, toy: OpenAIServer) -> None:
    toy.answer = lambda asked: fail(400) if "numbers of those other facts" in str(asked.body) else answer(asked)
    assert draw().failed["fox"].startswith("dependencies:")
    before = len(toy.posted)
    toy.answer = answer
    assert draw().failed == {}
    assert len(toy.posted) == before + 2


def test_a_local_model_that_answers_otherwise_is_a_named_failure(draw: Draw, tmp_path: Path) -> None:
    toy = save_language_model(tmp_path / "toy", {"fox": "what does it say", "again.": "still not"})
    outcome = draw(writer=WriterSettings(str(toy), device="cpu"), items=("fox",))
    assert outcome.failed["fox"].startswith("tuples: a line isn't of the form NUMBER | …: 'still not'")


def test_the_page_shows_the_graphs_and_escapes_what_is_in_them(draw: Draw) -> None:
    outcome = draw()
    assert outcome.suite is not None
    page = suite_to_html(outcome.suite, facts=outcome.facts, made_by="toy <i>", failed={"cat": "<script>"})
    assert "a brown owl &lt;b&gt;awake&lt;/b&gt;" in page
    assert "attribute - color (owl, brown)" in page
    assert "<script>" not in page
    assert page.count('<td class="depth-1">') == 2
    assert "default-src 'none'" in page


def test_the_examples_are_graphs_that_pass_the_checks_and_have_every_category() -> None:
    seen = set()
    for example in example_graphs():
        numbers = range(1, len(example.facts) + 1)
        facts = read_facts(step_conversation_answer("tuples", example.text))
        assert [fact.number for fact in facts] == list(numbers)
        seen |= {fact.category for fact in facts}
        read_questions(step_conversation_answer("questions", example.text), list(numbers))
        read_dependencies(step_conversation_answer("dependencies", example.text), list(numbers))
    assert seen == set(CATEGORIES)


def step_conversation_answer(step: str, text: str) -> str:
    turns = step_conversation(step, "x", ())  # type: ignore[arg-type]
    return next(after.text for before, after in pairwise(turns) if text in before.text)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("", "no lines"),
        ("1 | entity - whole", r"line 1 is no CATEGORY \(ARGUMENTS\)"),
        ("1 | entity - whole ()", r"no CATEGORY"),
        ("1 | entity - hole (owl)", "'entity - hole', which is none of the known"),
        ("2 | entity - whole (owl)", "line 1 has the number 2"),
        ("1 | entity - whole (owl)\n2 | Entity - Whole (Owl)", "2 is the same fact as 1"),
        ("1. an owl", r"a line isn't of the form NUMBER \| …: '1\. an owl'"),
    ],
)
def test_facts_that_cannot_be_used_are_refused(lines: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_facts(lines)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("1 | Is there an owl?", "no line for fact 2"),
        ("1 | Is there an owl?\n2 | It is brown.", "fact 2 is no question"),
        ("1 | Is it so?\n2 | is it so?", "facts 1 and 2 have the same question"),
        ("1 | A?\n2 | B?\n3 | C?", "a line for 3, which is no fact"),
        ("1 | A?\n1 | B?\n2 | C?", "2 lines for fact 1"),
    ],
)
def test_every_fact_is_asked_about_once(lines: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_questions(lines, [1, 2])


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        ("1 | 0\n2 | 1\n3 | 4", "3 hangs on 4, which is no fact"),
        ("1 | 3\n2 | 1\n3 | 2", "in a circle: 1 → 3 → 2 → 1"),
        ("1 | 0\n2 | 2\n3 | 1", "in a circle: 2 → 2"),
        ("1 | 0\n2 | one\n3 | 1", "fact 2 holds no list of numbers"),
    ],
)
def test_dependencies_lead_to_facts_and_never_round(lines: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        read_dependencies(lines, [1, 2, 3])


def test_spelling_and_fences_do_not_matter() -> None:
    facts = read_facts("```\n1 | Global (oil painting)\n\n2|  entity -  whole (an  owl (brown))\n```")
    assert [fact.written for fact in facts] == ["global - (oil painting)", "entity - whole (an owl (brown))"]


def test_a_file_that_is_there_or_no_csv_is_refused(draw: Draw, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"call it NAME\.csv"):
        draw(out=tmp_path / "mine.json")
    draw()
    with pytest.raises(BadInputError, match="is there already"):
        draw(items=("fox",))
    (tmp_path / "mine.csv").write_text("something else", encoding="utf-8")
    with pytest.raises(BadInputError, match="is there already"):
        draw()


def test_the_same_request_again_asks_nothing(draw: Draw, toy: OpenAIServer) -> None:
    made = draw()
    before = len(toy.asked)
    assert draw() == replace(made, usage=draw().usage)
    assert len(toy.asked) == before
