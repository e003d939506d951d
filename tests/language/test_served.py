"""A language model behind a server: what it is sent, and what becomes of its failures."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.language.base import Asked, Sampling, Turn, WriterSettings
from dpg_bench.language.registry import load_writer
from tests.openai_server import OpenAIServer, chat, fail, send


@pytest.fixture
def toy() -> Iterator[OpenAIServer]:
    def answer(asked: object) -> object:
        return chat(f"Seen: {asked.body['messages'][-1]['content']}", model="toy-2026")  # type: ignore[attr-defined]

    with OpenAIServer(answer, models=["toy"]) as server:  # type: ignore[arg-type]
        yield server


def settings(toy: OpenAIServer, **changes: object) -> WriterSettings:
    return WriterSettings(f"toy@{toy.url}", **{"concurrency": 2, **changes})  # type: ignore[arg-type]


ASKED = [Asked(name, (Turn("user", "hello"), Turn("assistant", "yes?"), Turn("user", name)), 7) for name in "abc"]


def test_the_whole_conversation_is_sent_and_each_answer_comes_back(toy: OpenAIServer) -> None:
    writer = load_writer(settings(toy))
    said = list(writer.write(ASKED))
    assert [(one.key, one.text, one.answered_by) for one in said] == [(n, f"Seen: {n}", "toy-2026") for n in "abc"]
    body = next(body for body in toy.posted if body["messages"][-1]["content"] == "b")
    assert [turn["role"] for turn in body["messages"]] == ["user", "assistant", "user"]
    assert (body["temperature"], body["max_tokens"]) == (0.0, 512)
    assert "seed" not in body
    assert toy.most_at_once <= 2
    list(load_writer(settings(toy, sampling=Sampling(temperature=0.7))).write(ASKED[:1]))
    assert toy.posted[-1]["seed"] == 7


def test_refusals_and_cut_answers_are_failures_of_their_own(toy: OpenAIServer) -> None:
    cut = {"choices": [{"message": {"content": "half an"}, "finish_reason": "length"}]}
    toy.first.extend([fail(400, "not that", code="content_filter"), send(cut)])
    said = list(load_writer(settings(toy, concurrency=1)).write(ASKED))
    assert said[0].text is None
    assert "refused the content" in str(said[0].error)
    assert said[1].error == "the answer had no end after 512 tokens"
    assert said[2].text == "Seen: c"


def test_a_model_that_knows_the_limit_by_its_newer_name_is_asked_so(toy: OpenAIServer) -> None:
    toy.first.append(fail(400, "Unsupported parameter: use 'max_completion_tokens' instead."))
    said = list(load_writer(settings(toy, concurrency=1)).write(ASKED[:2]))
    assert [one.text for one in said] == ["Seen: a", "Seen: b"]
    assert [sorted(body.keys() & {"max_tokens", "max_completion_tokens"}) for body in toy.posted] == [
        ["max_tokens"],
        ["max_completion_tokens"],
        ["max_completion_tokens"],
    ]


def test_a_server_that_is_away_or_has_another_model_is_told_before_the_work(toy: OpenAIServer) -> None:
    with pytest.raises(BadInputError, match="has no model 'other'; it has toy"):
        load_writer(WriterSettings(f"other@{toy.url}"))
    with pytest.raises(BadInputError, match="revision"):
        load_writer(settings(toy, revision="main"))
    with pytest.raises(UnavailableError):
        load_writer(WriterSettings("toy@http://127.0.0.1:9/v1"))
