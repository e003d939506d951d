"""The answer of `/chat/completions`, read with care."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dpg_bench.remote.errors import RequestError
from dpg_bench.remote.usage import Usage

_ROUNDED = 1e-3  # above 0, as half precision may give the logarithm of 1


@dataclass(frozen=True, slots=True)
class ChatAnswer:
    """What a model said: `text`, and why it `ended` ("stop", "length", "content_filter"; None where nothing is said).

    `first` are the log-probabilities of the likeliest first tokens, as pairs, since texts of tokens needn't differ;
    empty where the server gives none. `model` is the name that the server answers under, `system` its configuration's
    (`system_fingerprint`).
    """

    text: str
    ended: str | None
    first: tuple[tuple[str, float], ...]
    model: str | None
    system: str | None
    usage: Usage


def chat_answer(answer: Mapping[str, Any]) -> ChatAnswer:
    """The first choice of an answer.

    Raises RequestError if it holds no text, and, as a refusal of content, if a filter ended it or the model refused.
    """
    choices = answer.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    message = choice.get("message")
    told = message if isinstance(message, dict) else {}
    ended = choice.get("finish_reason")
    if ended == "content_filter":
        raise RequestError("The server's filter ended the answer.", code="content_filter")
    text = told.get("content")
    if not isinstance(text, str):
        refusal = told.get("refusal")
        if isinstance(refusal, str) and refusal:
            raise RequestError(f"The model refused: {refusal!r:.200}.", code="content_filter")
        raise RequestError("The server's answer holds no text (choices[0].message.content).")
    return ChatAnswer(
        text=text,
        ended=ended if isinstance(ended, str) else None,
        first=_first_tokens(choice),
        model=_text(answer.get("model")),
        system=_text(answer.get("system_fingerprint")),
        usage=Usage.of(answer),
    )


def _first_tokens(choice: Mapping[str, Any]) -> tuple[tuple[str, float], ...]:
    try:
        likeliest = choice["logprobs"]["content"][0]["top_logprobs"]
        pairs = tuple((str(one["token"]), float(one["logprob"])) for one in likeliest)
        told = all(value <= _ROUNDED for _, value in pairs)  # which NaN isn't
    except (LookupError, TypeError, ValueError, OverflowError):
        return ()
    return tuple((token, min(value, 0.0)) for token, value in pairs) if told else ()


def _text(value: object) -> str | None:
    return value[:200] if isinstance(value, str) else None
