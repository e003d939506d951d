"""Readers of what servers and language models answer: the file holds the body of the answer."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import write_jsonl
from dpg_bench.generate.models.served.answer import drawn_images
from dpg_bench.language.answers import plain_answer
from dpg_bench.language.graph_answers import read_dependencies, read_facts, read_questions
from dpg_bench.remote.address import ServedModel
from dpg_bench.remote.chat import chat_answer
from dpg_bench.remote.client import Connection, Limits, Server
from dpg_bench.remote.errors import RequestError
from dpg_bench.remote.wire import Wire
from ella_models.training.caption_server import ServerCaptioner
from ella_models.training.files import append_line
from tests.fuzz.reader import Reader

_SERVER = Server(ServedModel("m", "http://127.0.0.1/v1"), limits=Limits(attempts=1, pause=0.0))


def readers(folder: Path) -> Mapping[str, Reader]:
    """All of them; logs of what was said go into `folder`."""
    log = folder / "said.jsonl"
    chat: dict[str, Any] = {
        "model": "m",
        "choices": [{"message": {"content": "yes"}, "logprobs": {"content": [{"top_logprobs": [{}]}]}}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "cost": 0.1},
    }
    chat["choices"][0]["logprobs"]["content"][0]["top_logprobs"] = [{"token": "yes", "logprob": -0.1}]
    image = {"data": [{"b64_json": base64.b64encode(_picture()).decode(), "revised_prompt": "A fox."}]}

    def said(content: bytes) -> None:
        answer = chat_answer(_asked(content))
        write_jsonl(log, [{"text": answer.text, "by": answer.model, "usage": answer.usage.record()}])

    def drawn(content: bytes) -> None:
        found = drawn_images(_asked(content), prompt="a", count=1, size=None, download=_nothing)
        write_jsonl(log, [{"revised": found.revised}])

    def captioned(content: bytes) -> None:
        try:
            answer = json.loads(content)
        except (ValueError, RecursionError):  # as where it is asked
            return
        if isinstance(answer, dict):
            found = ServerCaptioner("http://127.0.0.1", "m")._read(answer)
            log.unlink(missing_ok=True)
            append_line(log, {"caption": found.caption, "error": found.error})

    return {
        "server, chat": Reader("chat.json", _of_bytes(said), (json.dumps(chat).encode(),)),
        "server, images": Reader("drawn.json", _of_bytes(drawn), (json.dumps(image).encode(),)),
        "server, models": Reader(
            "models.json", _of_bytes(lambda content: _connection(content).check_model()), (b'{"data": [{"id": "m"}]}',)
        ),
        "server, refusal": Reader(
            "refusal.json",
            _of_bytes(_refused),
            (b'{"error": {"message": "no", "code": "content_filter"}}', b'{"detail": "no"}'),
        ),
        "server, captions": Reader("caption.json", _of_bytes(captioned), (json.dumps(chat).encode(),)),
        "language model, facts": Reader(
            "facts.txt",
            _of_text(lambda text: read_facts(plain_answer(text))),
            (b"<think>so</think>\n1 | entity - whole (fox)\n2 | attribute - color (fox, red)\n",),
        ),
        "language model, questions": Reader(
            "questions.txt",
            _of_text(lambda text: read_questions(plain_answer(text), (1, 2))),
            (b"```\n1 | Is there a fox?\n2 | Is the fox red?\n```\n",),
        ),
        "language model, dependencies": Reader(
            "dependencies.txt",
            _of_text(lambda text: read_dependencies(plain_answer(text), (1, 2, 3))),
            (b"1 | 0\n2 | 1\n3 | 1, 2\n",),
        ),
    }


class _Body(httpx.SyncByteStream):
    def __init__(self, content: bytes) -> None:
        self._content = content

    def __iter__(self) -> Iterator[bytes]:
        yield self._content


class _Wire(Wire):
    """A connection on which every request is answered with the same."""

    def __init__(self, content: bytes, status: int) -> None:
        self._answer = (status, content)

    @contextmanager
    def ask(self, *_: object, **__: object) -> Iterator[httpx.Response]:
        status, content = self._answer
        yield httpx.Response(status, stream=_Body(content))


def _connection(content: bytes, status: int = 200) -> Connection:
    connection = Connection(_SERVER)
    connection._of_thread.wire = _Wire(content, status)
    return connection


def _asked(content: bytes) -> dict[str, Any]:
    return _connection(content).post("/chat/completions", {})


def _refused(content: bytes) -> None:
    try:
        _connection(content, 400).post("/chat/completions", {})
    except RequestError:
        return


def _nothing(url: str) -> bytes:
    raise RequestError(f"{url} isn't asked")


def _of_bytes(read: Callable[[bytes], object]) -> Callable[[Path], object]:
    return lambda path: read(path.read_bytes())


def _of_text(read: Callable[[str], object]) -> Callable[[Path], object]:
    def attempt(path: Path) -> object:
        text = path.read_bytes().decode("utf-8", "replace")
        try:
            return read(text)
        except ValueError as error:  # what these readers raise about an answer
            raise BadInputError(str(error)) from None

    return attempt


def _picture() -> bytes:
    content = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(content, "PNG")
    return content.getvalue()
