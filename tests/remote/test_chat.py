"""Answers of a chat as servers give them, whole and odd."""

from __future__ import annotations

from typing import Any

import pytest

from dpg_bench.remote.chat import chat_answer
from dpg_bench.remote.errors import RequestError
from dpg_bench.remote.usage import Usage


def answer(**choice: Any) -> dict[str, Any]:
    return {"choices": [choice], "model": "toy-1", "usage": {"prompt_tokens": 3, "completion_tokens": 1, "cost": 0.5}}


def test_text_first_tokens_and_usage_are_read() -> None:
    top = [{"token": "Yes", "logprob": -0.1}, {"token": " no", "logprob": -2.5}]
    found = chat_answer(
        answer(message={"content": "Yes"}, finish_reason="stop", logprobs={"content": [{"top_logprobs": top}]})
    )
    assert (found.text, found.ended, found.model) == ("Yes", "stop", "toy-1")
    assert found.first == (("Yes", -0.1), (" no", -2.5))
    assert (found.usage + found.usage).record() == {
        "requests": 2,
        "prompt_tokens": 6,
        "completion_tokens": 2,
        "cost": 1.0,
    }


@pytest.mark.parametrize(
    "logprobs",
    [
        None,
        {},
        {"content": []},
        {"content": [{"top_logprobs": [{"token": "Yes", "logprob": float("nan")}]}]},
        {"content": 3},
    ],
)
def test_log_probabilities_that_are_none_are_left_out(logprobs: Any) -> None:
    assert chat_answer(answer(message={"content": "Yes"}, logprobs=logprobs)).first == ()


@pytest.mark.parametrize(
    "odd", [{}, {"choices": []}, {"choices": [{"message": {"content": None}}]}, {"choices": "yes"}]
)
def test_an_answer_without_a_text_is_an_error(odd: dict[str, Any]) -> None:
    with pytest.raises(RequestError, match="holds no text"):
        chat_answer(odd)


@pytest.mark.parametrize(
    "choice",
    [
        {"message": {"content": "Ye"}, "finish_reason": "content_filter"},
        {"message": {"content": None, "refusal": "I can't."}},
    ],
)
def test_a_refusal_is_told_apart(choice: dict[str, Any]) -> None:
    with pytest.raises(RequestError) as error:
        chat_answer(answer(**choice))
    assert error.value.refused_content


@pytest.mark.parametrize("usage", [None, 3, {"prompt_tokens": -1, "completion_tokens": "9", "cost": float("nan")}])
def test_odd_counts_are_none(usage: Any) -> None:
    assert Usage.of({"usage": usage}) == Usage(requests=1)
