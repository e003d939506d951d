"""One thread's connection to servers: uncompressed, and cut when an answer takes too long, however it comes.

A server that sends a byte now and then keeps any timeout of single reads from passing, in the head of its answer too.
"""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from dpg_bench import __version__

if TYPE_CHECKING:
    import httpx

_CONNECTED = ("connect_tcp.complete", "start_tls.complete")
_LONGEST_CONNECT = 20.0  # seconds


class Wire:
    """Requests one after another, each of which may take `seconds`. A `local` server is asked past all proxies."""

    def __init__(self, seconds: float, *, local: bool) -> None:
        import httpx

        self._seconds = seconds
        self._stream: Any = None
        self._client = httpx.Client(
            timeout=httpx.Timeout(seconds, connect=min(seconds, _LONGEST_CONNECT)),
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            trust_env=not local,
            headers={"User-Agent": f"dpg-bench/{__version__}", "Accept-Encoding": "identity"},
        )

    def close(self) -> None:
        """Close it; it can't be used any more."""
        self._client.close()

    @contextmanager
    def ask(
        self, method: str, url: str, body: Mapping[str, Any] | None, *, headers: Mapping[str, str]
    ) -> Iterator[httpx.Response]:
        """The answer, whose content is yet to be read; it leads nowhere by itself.

        Raises httpx.HTTPError, and httpx.ReadTimeout once the time is over, from within too.
        """
        import httpx

        late = threading.Event()
        timer = threading.Timer(self._seconds, self._cut, (late,))
        timer.daemon = True
        timer.start()
        try:
            with self._client.stream(
                method, url, json=body, headers=dict(headers), extensions={"trace": self._note}
            ) as response:
                yield response
        except httpx.TransportError:
            if not late.is_set():
                raise
        finally:
            timer.cancel()
        if late.is_set():
            raise httpx.ReadTimeout(f"no whole answer in {self._seconds:g} s")

    def _note(self, event: str, info: Mapping[str, Any]) -> None:
        if event.endswith(_CONNECTED):
            self._stream = info["return_value"]

    def _cut(self, late: threading.Event) -> None:
        late.set()
        if self._stream is not None and (wire := self._stream.get_extra_info("socket")) is not None:
            with suppress(OSError):
                socket.socket.shutdown(wire, socket.SHUT_RDWR)  # below TLS, whose reader is in another thread
