"""A real server of the OpenAI-compatible protocol on localhost, for tests: it answers, or misbehaves as it is told."""

from __future__ import annotations

import contextlib
import json
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self, TypeAlias


@dataclass(frozen=True)
class Asked:
    """One request as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: Any
    at: float


Reply: TypeAlias = "Callable[[BaseHTTPRequestHandler], None]"


def send(content: bytes | Mapping[str, Any], *, status: int = 200, **headers: str) -> Reply:
    """Bytes, or JSON; `Retry_After="1"` is a header."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        raw = content if isinstance(content, bytes) else json.dumps(content).encode()
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(raw)))
        handler.end_headers()
        handler.wfile.write(raw)

    return reply


def fail(status: int, message: str = "something broke", *, code: str | None = None, **headers: str) -> Reply:
    """An error as OpenAI states one."""
    return send({"error": {"message": message, "code": code}}, status=status, **headers)


def nonsense() -> Reply:
    """A page instead of JSON, as a proxy shows it."""
    return send(b"<html>Welcome!</html>")


def slow(seconds: float, then: Reply) -> Reply:
    """The answer, late."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        time.sleep(seconds)
        then(handler)

    return reply


def trickle(seconds: float) -> Reply:
    """An answer that comes byte by byte and has no end."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "100000")
        handler.end_headers()
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            handler.wfile.write(b" ")
            handler.wfile.flush()
            time.sleep(0.02)
        handler.close_connection = True

    return reply


def drop() -> Reply:
    """No answer: the connection is cut."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    return reply


def cut() -> Reply:
    """Half an answer."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"choices": [{"mess')
        handler.wfile.flush()
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    return reply


def chat(text: str, *, first: Mapping[str, float] | None = None, model: str = "toy") -> Reply:
    """An answer of `/chat/completions`; `first` are log-probabilities of the first token."""
    choice: dict[str, Any] = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    if first is not None:
        top = [{"token": token, "logprob": value} for token, value in first.items()]
        choice["logprobs"] = {"content": [{"token": text, "logprob": top[0]["logprob"], "top_logprobs": top}]}
    usage = {"prompt_tokens": 100, "completion_tokens": 1, "total_tokens": 101}
    return send({"model": model, "choices": [choice], "usage": usage})


class OpenAIServer:
    """`with OpenAIServer(answer) as server:`; `server.url` is its address, `server.asked` all that came in.

    `answer` gives the reply to a request. What `server.first` holds is replied before that, one after another, whatever
    is asked (but `GET /models`, which lists `models`, or is unknown where that is None). `server.most_at_once` is the
    largest number of requests that were under way together.
    """

    def __init__(self, answer: Callable[[Asked], Reply], *, models: list[str] | None = None) -> None:
        self.answer = answer
        self.models = models
        self.first: deque[Reply] = deque()
        self.asked: list[Asked] = []
        self.most_at_once = 0
        self._under_way = 0
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._handle(self, "POST")

            def do_GET(self) -> None:
                outer._handle(self, "GET")

            def log_message(self, *_: object) -> None:
                pass

        class Quiet(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, *_: object) -> None:  # a client that left
                pass

        self._server = Quiet(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,))
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    @property
    def posted(self) -> list[Any]:
        """The bodies of the POST requests."""
        return [asked.body for asked in self.asked if asked.method == "POST"]

    def _handle(self, handler: BaseHTTPRequestHandler, method: str) -> None:
        raw = handler.rfile.read(int(handler.headers.get("Content-Length") or 0))
        body = json.loads(raw) if raw else None
        asked = Asked(method, handler.path, dict(handler.headers.items()), body, time.monotonic())
        with self._lock:
            self.asked.append(asked)
            listing = method == "GET" and asked.path.endswith("/models")
            planned = None if listing or not self.first else self.first.popleft()
            self._under_way += 1
            self.most_at_once = max(self.most_at_once, self._under_way)
        try:
            with contextlib.suppress(OSError):
                self._reply(asked, planned, listing=listing)(handler)
        finally:
            with self._lock:
                self._under_way -= 1

    def _reply(self, asked: Asked, planned: Reply | None, *, listing: bool) -> Reply:
        if planned is not None:
            return planned
        if listing:
            known = self.models
            return fail(404, "Not Found") if known is None else send({"data": [{"id": name} for name in known]})
        return self.answer(asked)
