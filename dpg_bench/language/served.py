"""A language model behind a server of the OpenAI-compatible protocol (`/chat/completions`)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dpg_bench.language.base import Asked, Said, WriterSettings
from dpg_bench.remote.address import OPENAI_URL, find_key, parse_served_model
from dpg_bench.remote.chat import ChatAnswer, chat_answer
from dpg_bench.remote.client import Connection, Limits, Server
from dpg_bench.remote.errors import RequestError

_PATH = "/chat/completions"
_NEWER_NAME = "max_completion_tokens"


class ServedWriter:
    """Asks a server, so many conversations at once as it may be asked. It is a `Writer`."""

    together = 1

    def __init__(self, server: Server, settings: WriterSettings, root: str) -> None:
        """`root` is what the server calls the model's root."""
        self._server = server
        self._sampling = settings.sampling
        self._limit_name = "max_tokens"
        self.revision = "" if root == server.served.model else root

    @property
    def provenance(self) -> Mapping[str, Any]:
        """Model and address. No key."""
        return {"model": self._server.served.model, "url": self._server.served.url, "root": self.revision or None}

    def write(self, asked: Sequence[Asked]) -> Iterator[Said]:
        """The answers in order; a request that is refused or fails as often as it is tried is a failure."""
        with self._server.connect() as connection:
            found = connection.each(asked, lambda one: self._ask(connection, one))
            for one, answer in zip(asked, found, strict=True):
                yield _said(one, answer, most=self._sampling.max_tokens)

    def _ask(self, connection: Connection, one: Asked) -> ChatAnswer:
        try:
            return chat_answer(connection.post(_PATH, self._body(one)))
        except RequestError as error:
            # OpenAI's newer models know the limit by another name only.
            if error.status != 400 or _NEWER_NAME not in str(error) or self._limit_name == _NEWER_NAME:
                raise
            self._limit_name = _NEWER_NAME
            return chat_answer(connection.post(_PATH, self._body(one)))

    def _body(self, one: Asked) -> dict[str, Any]:
        return {
            "model": self._server.served.model,
            "messages": [{"role": turn.role, "content": turn.text} for turn in one.turns],
            "temperature": self._sampling.temperature,
            self._limit_name: self._sampling.max_tokens,
            **({"seed": one.seed} if self._sampling.temperature else {}),
        }


def load_served_writer(settings: WriterSettings) -> ServedWriter:
    """The model that a server holds, once the server has said that it does.

    Raises BadInputError if `settings.name` is no MODEL@URL, the key isn't there or the server has other models only,
    UnavailableError if it can't be reached.
    """
    served = parse_served_model(settings.name, default_url=OPENAI_URL)
    server = Server(
        served, find_key(served, settings.key_from), Limits(concurrency=settings.concurrency, seconds=300.0)
    )
    with server.connect() as connection:
        root = connection.check_model()
    return ServedWriter(server, settings, root)


def _said(one: Asked, answer: ChatAnswer | RequestError, *, most: int) -> Said:
    if isinstance(answer, RequestError):
        refused = "the server refused the content: " if answer.refused_content else ""
        return Said(one.key, None, f"{refused}{answer}")
    if answer.ended == "length":
        error = f"the answer had no end after {most} tokens"
        return Said(one.key, None, error, answered_by=answer.model, usage=answer.usage)
    return Said(one.key, answer.text, answered_by=answer.model, usage=answer.usage)
