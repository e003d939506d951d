"""Requests to a server of the OpenAI-compatible protocol: several at once, tried again, and bounded in all they bring.

What passes (429, 5xx, timeouts, cut connections, answers that are no JSON) is tried again after a pause that doubles,
or that the server names (`Retry-After`). Nothing that a server sends is trusted: its size, its time and its texts.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from pydantic import SecretStr

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import read_json
from dpg_bench.remote.address import ServedModel
from dpg_bench.remote.errors import RequestError, ServerUnavailableError, reason, said
from dpg_bench.remote.wire import Wire

if TYPE_CHECKING:
    import httpx

ThingT = TypeVar("ThingT")
ResultT = TypeVar("ResultT")

_PASSING = frozenset({408, 409, 425, 429})
_LASTING = frozenset({501, 505})
_NO_WAY_IN = {
    401: "it wants another key",
    402: "it wants to be paid",
    403: "it lets nobody in with this key",
    404: "it has no such model, or not at this address, which as a rule ends in /v1",
    407: "a proxy stands before it",
}
_OUT_OF_CREDIT = "insufficient_quota"
_REDIRECTIONS = 5
_GRACE = 2.0  # seconds for requests that are under way when the work ends


@dataclass(frozen=True, slots=True)
class Limits:
    """How a server is asked: requests at once, tries of each, seconds a try may take and bytes it may bring.

    The first pause between two tries is `pause` seconds, each further one twice as long, none longer than
    `longest_pause`.
    """

    concurrency: int = 8
    attempts: int = 7
    seconds: float = 120.0
    pause: float = 1.0
    longest_pause: float = 60.0
    most_bytes: int = 64_000_000


@dataclass(frozen=True, slots=True)
class Server:
    """A served model, the key to it, and how it may be asked."""

    served: ServedModel
    key: SecretStr | None = None
    limits: Limits = Limits()

    @contextmanager
    def connect(self) -> Iterator[Connection]:
        """Connections to the server, which are closed on leaving."""
        connection = Connection(self)
        try:
            yield connection
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class Redirection:
    """An answer that is another address."""

    target: str


class Connection:
    """Requests to one server. Its methods may be called from several threads."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._of_thread = threading.local()
        self._wires: list[Wire] = []
        self._stopped = threading.Event()
        self._not_before = 0.0  # the server asked for quiet until then

    def close(self) -> None:
        """Close what is open."""
        for wire in list(self._wires):
            wire.close()

    def post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """What the server answers to `body`, as JSON to `path` below its address ("/chat/completions").

        Raises RequestError if it refuses or fails as often as it is tried, ServerUnavailableError if it can't be
        reached, doesn't let us in, or has no such model.
        """
        return self._json("POST", path, body)

    def check_model(self) -> str:
        """Ask the server whether it is there and has the model; what it calls the model's root, or else its name.

        A server that lists no models is taken at its word. Raises ServerUnavailableError if it can't be reached or
        doesn't let us in, BadInputError if it lists others only.
        """
        model = self._server.served.model
        try:
            listed = self._json("GET", "/models", None, attempts=2).get("data")
        except RequestError:
            return model
        except ServerUnavailableError as error:
            if isinstance(error.__cause__, RequestError) and error.__cause__.status == 404:
                return model
            raise
        known = {
            str(one["id"]): one
            for one in (listed if isinstance(listed, list) else [])
            if isinstance(one, dict) and "id" in one
        }
        if known and model not in known:
            few = ", ".join(said(name, None) for name in sorted(known)[:8])
            more = f" and {len(known) - 8} more" if len(known) > 8 else ""
            raise BadInputError(f"{self._server.served.url} has no model '{model}'; it has {few}{more}.")
        return said(str(known.get(model, {}).get("root") or model), None)

    def download(self, url: str) -> bytes:
        """What lies at `url`, where a server put it that answers by addresses. The key isn't sent there.

        Raises RequestError if it can't be had, is too large, or the address, or one that it leads to, is neither https
        nor the server's own.
        """
        return self._tried(lambda: self._followed(url), self._server.limits.attempts)

    def each(self, things: Iterable[ThingT], do: Callable[[ThingT], ResultT]) -> Iterator[ResultT | RequestError]:
        """What `do` gives for each of the `things`, in their order, so many at once as the server may be asked.

        A RequestError that it raises is given in place of its result. Any other one, and Ctrl-C, ends the work at once:
        what hasn't begun is left out, what is under way hardly waited for, and the connection of no more use.
        """
        todo = list(things)
        futures: list[Future[ResultT]] = [Future() for _ in todo]
        numbers: SimpleQueue[int] = SimpleQueue()
        for number in range(len(todo)):
            numbers.put(number)

        def work() -> None:
            with suppress(Empty):
                while not self._stopped.is_set():
                    number = numbers.get_nowait()
                    try:
                        futures[number].set_result(do(todo[number]))
                    except BaseException as error:  # noqa: BLE001 - told where the result is taken
                        futures[number].set_exception(error)

        # Threads that keep no program alive: an answer that doesn't come may take minutes to be given up.
        count = min(self._server.limits.concurrency, len(todo))
        threads = [threading.Thread(target=work, name="requests", daemon=True) for _ in range(count)]
        for thread in threads:
            thread.start()
        try:
            for future in futures:
                try:
                    yield future.result()
                except RequestError as error:
                    yield error
        except BaseException:
            self._stopped.set()
            ends = time.monotonic() + _GRACE
            for thread in threads:
                thread.join(max(ends - time.monotonic(), 0.0))
            raise
        for thread in threads:
            thread.join()

    def _json(
        self, method: str, path: str, body: Mapping[str, Any] | None, *, attempts: int | None = None
    ) -> dict[str, Any]:
        url = f"{self._server.served.url}/{path.lstrip('/')}"

        def once() -> dict[str, Any]:
            content = self._fetch(method, url, body, key=self._server.key)
            if isinstance(content, Redirection):
                raise RequestError(f"{url} leads elsewhere.")
            try:
                parsed = read_json(content, url)
            except BadInputError:
                start = said(content[:2000].decode("utf-8", "replace"), self._server.key)
                raise _PassingError(f"its answer is no JSON ({start:.80})") from None
            if not isinstance(parsed, dict):
                raise _PassingError("its answer is no JSON object")
            return parsed

        return self._tried(once, attempts or self._server.limits.attempts)

    def _tried(self, once: Callable[[], ResultT], attempts: int) -> ResultT:
        """What `once` gives, tried again while what it raises may pass."""
        limits = self._server.limits
        failure = _PassingError("it was not asked")
        for attempt in range(attempts):
            if attempt:
                pause = min(limits.pause * 2 ** (attempt - 1), limits.longest_pause)
                self._pause(pause if failure.pause is None else min(failure.pause, limits.longest_pause))
            self._pause(self._not_before - time.monotonic())
            try:
                return once()
            except _PassingError as error:
                failure = error
                if error.status == 429 and error.pause is not None:
                    self._not_before = time.monotonic() + min(error.pause, limits.longest_pause)
        tries = "" if attempts == 1 else f" after {attempts} tries"
        message = f"{self._server.served.url} failed{tries}: {failure}."
        if failure.unreachable or failure.status == 429:
            raise ServerUnavailableError(
                f"{message} What was finished is kept. Once the server answers, run the same command again to continue."
            )
        raise RequestError(message, status=failure.status)

    def _pause(self, seconds: float) -> None:
        if seconds > 0:
            self._stopped.wait(seconds)
        if self._stopped.is_set():
            raise RequestError(f"{self._server.served.url} was not asked: the work was ended.")

    def _fetch(
        self,
        method: str,
        url: str,
        body: Mapping[str, Any] | None,
        *,
        key: SecretStr | None,
        follow: bool = False,
    ) -> bytes | Redirection:
        """The bytes of one answer, or with `follow` where it leads.

        Raises _PassingError for what may pass, and the errors of `post` for the rest.
        """
        import httpx

        headers = {} if key is None else {"Authorization": f"Bearer {key.get_secret_value()}"}
        try:
            with self._wire().ask(method, url, body, headers=headers) as response:
                content = self._read(response)
        except httpx.ConnectError as error:
            raise _PassingError(f"no connection ({said(str(error), key)})", unreachable=True) from None
        except httpx.TimeoutException as error:
            late = isinstance(error, httpx.ConnectTimeout)
            raise _PassingError(f"no answer in {self._server.limits.seconds:g} s", unreachable=late) from None
        except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
            raise RequestError(f"{said(url, key)} can't be asked: {said(str(error), key)}.") from None
        except httpx.HTTPError as error:
            raise _PassingError(f"the connection broke off ({said(str(error) or type(error).__name__, key)})") from None
        if response.is_success:
            return content
        if follow and response.has_redirect_location:
            return Redirection(response.headers["Location"])
        raise self._refusal(response, content)

    def _read(self, response: httpx.Response) -> bytes:
        most = self._server.limits.most_bytes
        if response.headers.get("Content-Encoding", "identity") != "identity":  # a kilobyte may stand for gigabytes
            raise RequestError(f"{self._server.served.url} answers compressed, though it is asked not to.")
        content = bytearray()
        for chunk in response.iter_raw():
            content += chunk
            if len(content) > most:
                raise RequestError(f"{self._server.served.url} answers with more than {most} bytes.")
        return bytes(content)

    def _followed(self, url: str) -> bytes:
        """As `download`, once."""
        import httpx

        for _ in range(_REDIRECTIONS):
            own = url.lower().startswith("http://") and urlsplit(url).netloc == urlsplit(self._server.served.url).netloc
            if not own and not url.lower().startswith("https://"):
                raise RequestError(
                    f"The server names {said(url, self._server.key)!r}, which is no address of its own and none of "
                    "https."
                )
            answer = self._fetch("GET", url, None, key=None, follow=True)
            if isinstance(answer, bytes):
                return answer
            try:
                url = str(httpx.URL(url).join(answer.target))
            except httpx.InvalidURL as error:
                raise RequestError(f"The server leads to no address: {said(str(error), None)}.") from None
        raise RequestError(f"The server leads from address to address, more than {_REDIRECTIONS} times.")

    def _wire(self) -> Wire:
        """The thread's own."""
        if not hasattr(self._of_thread, "wire"):
            self._of_thread.wire = Wire(self._server.limits.seconds, local=self._server.served.local)
            self._wires.append(self._of_thread.wire)
        wire: Wire = self._of_thread.wire
        return wire

    def _refusal(self, response: httpx.Response, content: bytes) -> Exception:
        """What an answer that is no success comes to."""
        status, url, key = response.status_code, self._server.served.url, self._server.key
        try:
            message, code = reason(json.loads(content))
        except (ValueError, RecursionError):
            message, code = content[:2000].decode("utf-8", "replace"), None
        told = said(message, key) or response.reason_phrase
        words = f"{status} ({told})"
        refused = RequestError(f"{url} refused a request with {words}.", status=status, code=code)
        if response.is_redirect:
            target = said(response.headers.get("Location", ""), key)
            return ServerUnavailableError(f"{url} leads elsewhere, to {target}. Name the address that is meant.")
        if code == _OUT_OF_CREDIT:
            return ServerUnavailableError(f"{url} answers {words}: the account has no credit left.")
        if status in _PASSING or (status >= 500 and status not in _LASTING):
            return _PassingError(f"it answers {words}", status=status, pause=_retry_after(response))
        if status in _NO_WAY_IN and not refused.refused_content:
            gone = ServerUnavailableError(f"{url} answers {words}: {_NO_WAY_IN[status]}.")
            gone.__cause__ = refused
            return gone
        return refused


class _PassingError(Exception):
    """A try that failed in a way that another one may not. `pause` is what the server asks for, in seconds."""

    def __init__(
        self, message: str, *, status: int | None = None, pause: float | None = None, unreachable: bool = False
    ) -> None:
        super().__init__(message)
        self.status = status
        self.pause = pause
        self.unreachable = unreachable


def _retry_after(response: httpx.Response) -> float | None:
    """Seconds to wait by the header `Retry-After`, which holds these or a date; None if it says nothing sensible."""
    header = response.headers.get("Retry-After", "")
    try:
        seconds = float(header)
    except ValueError:
        try:
            seconds = parsedate_to_datetime(header).timestamp() - time.time()
        except (ValueError, TypeError, OverflowError):
            return None
    return max(seconds, 0.0) if seconds == seconds and seconds < float("inf") else None  # noqa: PLR0124 - NaN
