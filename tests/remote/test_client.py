"""Requests to a server that misbehaves: tried again while that may help, bounded, and never with the key in a text."""

from __future__ import annotations

import contextlib
import gzip
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler

import pytest
from pydantic import SecretStr

from dpg_bench.errors import BadInputError
from dpg_bench.remote.address import parse_served_model
from dpg_bench.remote.chat import chat_answer
from dpg_bench.remote.client import Limits, Server
from dpg_bench.remote.errors import RequestError, ServerUnavailableError
from tests.openai_server import (
    OpenAIServer,
    Reply,
    chat,
    cut,
    drop,
    fail,
    nonsense,
    send,
    slow,
    trickle,
)

KEY = "sk-very-secret-0123456789"


@pytest.fixture
def toy() -> Iterator[OpenAIServer]:
    with OpenAIServer(lambda asked: chat(str(asked.body["n"])), models=["toy", "other"]) as server:
        yield server


def server_of(toy: OpenAIServer, *, model: str = "toy", **limits: float) -> Server:
    quick = {"attempts": 4, "seconds": 0.5, "pause": 0.01, **limits}
    return Server(parse_served_model(f"{model}@{toy.url}"), SecretStr(KEY), Limits(**quick))


def post(toy: OpenAIServer, **limits: float) -> str:
    with server_of(toy, **limits).connect() as connection:
        return chat_answer(connection.post("/chat/completions", {"n": 7})).text


@pytest.mark.parametrize(
    "trouble",
    [
        fail(500),
        fail(503, Retry_After="0"),
        fail(529),
        fail(429, Retry_After="0.01"),
        fail(429, Retry_After="soon"),
        drop(),
        cut(),
        nonsense(),
        send(b"[1, 2]"),
        send(b"[" * 100_000),
        slow(0.8, chat("late")),
        trickle(0.8),
    ],
    ids=["500", "503", "529", "429", "429 soon", "drop", "cut", "page", "list", "nested", "slow", "trickle"],
)
def test_what_may_pass_is_tried_again(toy: OpenAIServer, trouble: Reply) -> None:
    toy.first.append(trouble)
    assert post(toy) == "7"
    assert len(toy.asked) == 2


def test_a_request_that_never_succeeds_is_an_error_that_says_so(toy: OpenAIServer) -> None:
    toy.answer = lambda _: fail(500, "out of\n\x1b[31m luck")
    with pytest.raises(RequestError, match=r"failed after 4 tries: it answers 500 \(out of \[31m luck\)") as error:
        post(toy)
    assert error.value.status == 500
    assert len(toy.asked) == 4


@pytest.mark.parametrize("status", [400, 413, 422, 501])
def test_a_refusal_is_not_tried_again(toy: OpenAIServer, status: int) -> None:
    toy.answer = lambda _: fail(status, "no such thing", code="invalid")
    with pytest.raises(RequestError, match=f"refused a request with {status}") as error:
        post(toy)
    assert (error.value.status, error.value.code, error.value.refused_content) == (status, "invalid", False)
    assert len(toy.asked) == 1


@pytest.mark.parametrize("status", [400, 403])
def test_a_refusal_of_content_is_told_apart(toy: OpenAIServer, status: int) -> None:
    toy.answer = lambda _: fail(status, "not this", code="content_policy_violation")
    with pytest.raises(RequestError) as error:
        post(toy)
    assert error.value.refused_content


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (fail(401, f"Incorrect API key provided: {KEY}"), r"401 \(Incorrect API key provided: \[key\]\): it wants"),
        (fail(404, "no such route"), "no such model, or not at this address"),
        (fail(429, "pay first", code="insufficient_quota"), "no credit left"),
        (send(b"", status=302, Location="http://elsewhere.example/"), "leads elsewhere, to http://elsewhere.example/"),
        (fail(429, "slower", Retry_After="0"), "failed after 4 tries: it answers 429"),
    ],
    ids=["401", "404", "no credit", "redirect", "429"],
)
def test_a_server_that_lets_nobody_in_ends_the_work(toy: OpenAIServer, reply: Reply, message: str) -> None:
    toy.answer = lambda _: reply
    with pytest.raises(ServerUnavailableError, match=message) as error:
        post(toy)
    assert error.value.exit_code == 1


def test_a_server_that_is_not_there_is_named(toy: OpenAIServer) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        served = parse_served_model(f"toy@http://127.0.0.1:{free.getsockname()[1]}/v1")
    server = Server(served, None, Limits(attempts=2, pause=0.01))
    with server.connect() as connection, pytest.raises(ServerUnavailableError, match="failed after 2 tries: no conn"):
        connection.post("/chat/completions", {})


def test_the_server_says_how_long_to_wait(toy: OpenAIServer) -> None:
    toy.first.append(fail(429, Retry_After="0.3"))
    assert post(toy) == "7"
    first, second = toy.asked
    assert second.at - first.at >= 0.3


def test_pauses_are_bounded_whatever_the_server_says(toy: OpenAIServer) -> None:
    toy.first += [fail(429, Retry_After="1e9"), fail(503, Retry_After="Fri, 31 Dec 2199 23:59:59 GMT")]
    begun = time.monotonic()
    assert post(toy, longest_pause=0.05) == "7"
    assert time.monotonic() - begun < 60


def test_an_answer_may_not_be_larger_than_the_limit(toy: OpenAIServer) -> None:
    toy.answer = lambda _: send(b" " * 5000)
    with pytest.raises(RequestError, match="more than 1000 bytes"):
        post(toy, most_bytes=1000)
    assert len(toy.asked) == 1


@pytest.mark.parametrize(
    "trouble",
    [fail(400, KEY), fail(401, f"bad key {KEY}"), fail(500, KEY), send(KEY.encode())],
    ids=["400", "401", "500", "no JSON"],
)
def test_the_key_is_sent_and_stands_in_no_text(toy: OpenAIServer, trouble: Reply) -> None:
    toy.answer = lambda _: trouble
    server = server_of(toy, attempts=1)
    with server.connect() as connection, pytest.raises(Exception) as error:  # noqa: PT011 - whatever it is
        connection.post("/chat/completions", {})
    assert toy.asked[0].headers["Authorization"] == f"Bearer {KEY}"
    assert KEY not in "".join(traceback.format_exception(error.value)) + repr(server) + repr(vars(error.value))


def test_results_come_in_order_and_no_more_at_once_than_the_limit(toy: OpenAIServer) -> None:
    toy.answer = lambda asked: slow(0.05 if asked.body["n"] % 2 else 0.0, chat(str(asked.body["n"])))
    toy.first.append(fail(400, "not this one"))

    def ask(n: int) -> str:
        return chat_answer(connection.post("/chat/completions", {"n": n})).text

    with server_of(toy, concurrency=3).connect() as connection:
        found = list(connection.each(range(12), ask))
    refused = [n for n, one in enumerate(found) if isinstance(one, RequestError)]
    assert len(refused) == 1
    assert [one for n, one in enumerate(found) if n not in refused] == [str(n) for n in range(12) if n not in refused]
    assert 1 < toy.most_at_once <= 3


def test_an_end_does_not_wait_for_pauses(toy: OpenAIServer) -> None:
    toy.answer = lambda asked: fail(401) if asked.body["n"] == 0 else fail(503, Retry_After="50")
    ask: Callable[[int], object] = lambda n: connection.post("/chat/completions", {"n": n})  # noqa: E731
    begun = time.monotonic()
    with server_of(toy, concurrency=2).connect() as connection, pytest.raises(ServerUnavailableError):
        list(connection.each(range(50), ask))
    assert time.monotonic() - begun < 20
    assert len(toy.asked) < 10


def test_a_model_that_the_server_has_not_is_found_out_before_anything_is_asked(toy: OpenAIServer) -> None:
    with server_of(toy).connect() as connection:
        assert connection.check_model() == "toy"
    with (
        server_of(toy, model="tpy").connect() as connection,
        pytest.raises(BadInputError, match="has no model 'tpy'; it has other, toy"),
    ):
        connection.check_model()
    toy.models = None
    with server_of(toy, model="tpy").connect() as connection:
        assert connection.check_model() == "tpy"


def test_what_an_answer_links_to_is_fetched_without_the_key(toy: OpenAIServer) -> None:
    toy.answer = lambda _: send(b"pixels")
    toy.first.append(fail(500))
    with server_of(toy).connect() as connection:
        assert connection.download(f"{toy.url}/image.png") == b"pixels"
        for address in ("file:///etc/passwd", "http://169.254.169.254/latest", "gopher://x"):
            with pytest.raises(RequestError, match="no address of its own and none of https"):
                connection.download(address)
            toy.first.append(send(b"", status=302, Location=address))
            with pytest.raises(RequestError, match=r"no address of its own|can't be asked|broke off"):
                connection.download(f"{toy.url}/image.png")
        toy.answer = lambda _: send(b"", status=302, Location="/again")
        with pytest.raises(RequestError, match="from address to address, more than 5 times"):
            connection.download(f"{toy.url}/image.png")
    assert all("Authorization" not in asked.headers for asked in toy.asked)


def test_no_proxy_leads_back_to_this_machine(toy: OpenAIServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert post(toy) == "7"


def drip(start: bytes) -> Reply:
    """An answer of a byte now and then, for ever."""

    def reply(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(start)
        with contextlib.suppress(OSError):
            while True:
                handler.wfile.write(b" ")
                time.sleep(0.05)

    return reply


@pytest.mark.parametrize("start", [b"HTTP/1.1 200 OK\r\n\r\n", b"HTTP/1.1 200 OK\r\nX-A:"])
def test_an_answer_that_drips_is_given_up_in_its_time(toy: OpenAIServer, start: bytes) -> None:
    toy.answer = lambda _: drip(start)
    with pytest.raises(RequestError, match=r"no answer in 0\.3 s"):
        post(toy, attempts=1, seconds=0.3)


def test_compressed_answers_are_not_unpacked(toy: OpenAIServer) -> None:
    toy.answer = lambda _: send(gzip.compress(b"{}"), Content_Encoding="gzip")
    with pytest.raises(RequestError, match="answers compressed"):
        post(toy)


def test_an_answer_with_half_a_character_is_no_json(toy: OpenAIServer) -> None:
    toy.answer = lambda _: send(b'{"choices": [{"message": {"content": "\\ud800"}}]}')
    with pytest.raises(RequestError, match="its answer is no JSON"):
        post(toy, attempts=1)
