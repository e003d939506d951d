"""The judge: preprocessed images and questions in, requests to the server, yes or no out."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.judge.base import fingerprint_of
from dpg_bench.judge.openai.request import Manner, data_url, find_manner, request_body
from dpg_bench.judge.openai.spec import OpenAIOptions
from dpg_bench.judge.resizing import Shrink
from dpg_bench.judge.yes_no import REQUEST, answer_of, left_open, log_sum, share_of_yes
from dpg_bench.records import Reply
from dpg_bench.remote.chat import ChatAnswer, chat_answer
from dpg_bench.remote.client import Connection, Server
from dpg_bench.remote.errors import RequestError
from dpg_bench.remote.usage import Usage

CODE_VERSION = 1
"""Part of the fingerprint: goes up with every change of this package that can change an answer."""

_PATH = "/chat/completions"

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Question:
    """A question about an image, which is there as an address (`data_url`)."""

    image: str
    text: str


class OpenAIJudge:
    """A served vision-language model. Implements `dpg_bench.judge.base.Judge`.

    Each question is a request of its own, so that no reply depends on another. What the server computes by, batches and
    precision included, is its own affair: the same question may be answered differently tomorrow.
    """

    def __init__(self, server: Server, options: OpenAIOptions) -> None:
        """Ask the server whether it is there and has the model, and a first question to learn how it may be asked.

        Raises UnavailableError if it can't be reached or lets nobody in, BadInputError if it has no such model or the
        model takes no images.
        """
        self._server = server
        self._options = options
        self._usage = self._first_usage = Usage()
        self._lock = threading.Lock()
        self._manner = Manner()
        self._served_as: str | None = None
        self._gone: UnavailableError | None = None
        with server.connect() as connection:
            root = connection.check_model()
            first = self._try_out(connection)
        self._served_as = first.model
        # What the first question came to counts where the judge is first used, and once.
        self._usage, self._first_usage = Usage(), self._usage
        decisive = {
            "judge": "openai",
            "code": CODE_VERSION,
            "url": server.served.url,
            "model": server.served.model,
            "served_as": first.model,
            "manner": self._manner.record(),
            "request": REQUEST,
            **options.decisive,
        }
        self.preprocess = Shrink(options.max_pixels)
        self.fingerprint = fingerprint_of(decisive)
        self.provenance = {**decisive, "root": root, "system_fingerprint": first.system}

    @property
    def usage(self) -> Mapping[str, float]:
        """Requests, tokens in and out, and their cost, if the server states it or prices were given."""
        with self._lock:
            usage = self._usage
        priced = usage.prompt_tokens * self._options.price_in + usage.completion_tokens * self._options.price_out
        cost = {"cost": round(priced / 1e6, 9)} if priced and not usage.cost else {}
        return {**usage.record(), **cost}

    def answer(self, pixels: Sequence[NDArray[np.uint8]], questions: Sequence[Sequence[str]]) -> list[list[Reply]]:
        """The replies to `questions[i]`, in order, about the preprocessed image `pixels[i]`.

        A reply is missing where the answer is neither yes nor no, or the request was refused. Raises UnavailableError
        if the server goes away, lets nobody in any more, or answers under another model's name; the first call that
        meets this gives what was answered until then, which is paid for, if anything was.
        """
        if self._gone is not None:
            raise self._gone
        with self._lock:
            self._usage, self._first_usage = self._usage + self._first_usage, Usage()
        images = [data_url(image) if texts else "" for image, texts in zip(pixels, questions, strict=True)]
        todo = [_Question(image, text) for image, texts in zip(images, questions, strict=True) for text in texts]
        found: list[Reply] = []
        try:
            with self._server.connect() as connection:
                # extend keeps what came before an error
                found.extend(_reply(one) for one in connection.each(todo, lambda one: self._ask(connection, one)))
        except UnavailableError as error:
            if not found:
                raise
            self._gone = error
            found += [Reply("", missing=str(error))] * (len(todo) - len(found))
        replies = iter(found)
        return [[next(replies) for _ in texts] for texts in questions]

    def _ask(self, connection: Connection, question: _Question, manner: Manner | None = None) -> ChatAnswer:
        body = request_body(
            self._server.served.model,
            question.image,
            question.text,
            manner=manner or self._manner,
            max_tokens=self._options.max_tokens,
            system=self._options.system,
        )
        content = connection.post(_PATH, body)
        with self._lock:
            self._usage += Usage.of(content)
        answer = chat_answer(content)
        if self._served_as is not None and answer.model != self._served_as:
            raise UnavailableError(
                f"{self._server.served.url} answered as '{self._served_as}' and now does as '{answer.model}': that is "
                "another judge. What was finished is kept."
            )
        return answer

    def _try_out(self, connection: Connection) -> ChatAnswer:
        """The answer to a first question, about an image that means nothing, asked in the fullest manner there is."""
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        question = _Question(data_url(noise), "Is this a photo of a dog?")
        try:
            self._manner, answer = find_manner(lambda manner: self._ask(connection, question, manner))
        except RequestError as error:
            raise BadInputError(f"The model can't be asked: {error}") from error
        if answer_of(answer.text) is None:
            logger.warning(
                "%s answered the first question with '%.40s', which is neither yes nor no. A model that thinks before "
                "it answers needs more than %d tokens: -J max_tokens=…",
                self._server.served.model,
                answer.text,
                self._options.max_tokens,
            )
        return answer


def _reply(found: ChatAnswer | RequestError) -> Reply:
    if isinstance(found, RequestError):
        return Reply("", missing=str(found))
    text = answer_of(found.text)
    if text is None:
        return Reply("", missing=left_open(found.text))
    logs = {word: log_sum(log for token, log in found.first if answer_of(token) == word) for word in ("yes", "no")}
    likeliest = max((log for _, log in found.first), default=None)
    return Reply(text, p_yes=share_of_yes(logs["yes"], logs["no"]), log_prob=likeliest)
