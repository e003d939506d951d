"""The Ray cluster that actors live in: joined or started, how large it is now, and whether its head is still there."""

from __future__ import annotations

import importlib
import os
import signal
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from dpg_bench.errors import BadInputError, DpgBenchError, option

_SECONDS_TO_REACH = 5.0
_SECONDS_WITHOUT_HEAD = 40.0
"""Ray itself ends the process after 60, without a word of where the work stands."""


class Cluster:
    """The cluster that `RAY_ADDRESS` names or that runs on this machine (`ray start`); without either, one of its own.

    `ray` is the library.
    """

    def __init__(self, workers: int | None) -> None:
        """Raises BadInputError if Ray isn't installed, or the cluster that `RAY_ADDRESS` names isn't reached."""
        self.ray = _library()
        self._joined = not self.ray.is_initialized()
        if self._joined:
            with _own_signals():
                _connect(self.ray, workers)
        self._head = _host_and_port(str(self.ray.get_runtime_context().gcs_address))
        self._silent_since: float | None = None

    def gpus(self) -> int:
        """How many it has now."""
        return sum(int(node.get("GPU", 0)) for node in self._nodes())

    def could_hold(self, share: Mapping[str, float]) -> bool:
        """Whether any node is large enough for a worker that takes `share`, be it free now or not."""
        return any(all(node.get(kind, 0) >= much for kind, much in share.items()) for node in self._nodes())

    def head_answers(self) -> bool:
        """Whether it can be reached. Raises DpgBenchError if that hasn't been so for long."""
        if self._head is None or _reached(*self._head):
            self._silent_since = None
            return True
        now = time.monotonic()
        if self._silent_since is None:
            self._silent_since = now
        if now - self._silent_since > _SECONDS_WITHOUT_HEAD:
            host, port = self._head
            raise DpgBenchError(
                f"The head of the Ray cluster, {host}:{port}, can't be reached any more. What was finished is kept. "
                f"Start the cluster again, or leave {option('engine')} out, and run the same command again to continue."
            )
        return False

    def leave(self) -> None:
        """Part from it; one that was started here ends."""
        if self._joined:
            self.ray.shutdown()

    def _nodes(self) -> list[Mapping[str, float]]:
        return [node["Resources"] for node in self.ray.nodes() if node["Alive"]]


def _library() -> Any:
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError:
        raise BadInputError(
            "The engine 'ray' needs Ray, which isn't installed: `pip install 'dpg-bench[ray]'` on every machine of the "
            "cluster."
        ) from None


def _connect(ray: Any, workers: int | None) -> None:
    quiet = {"log_to_driver": False, "configure_logging": False}
    address = os.environ.get("RAY_ADDRESS", "")
    if address and address not in ("auto", "local"):
        place = _host_and_port(address)
        if place is None:
            raise BadInputError(
                f"RAY_ADDRESS is '{address}'; it must be the head's HOST:PORT, such as 10.0.0.1:6379, and this command "
                "run on a machine of the cluster."
            )
        if not _reached(*place):
            raise BadInputError(
                f"The Ray cluster at RAY_ADDRESS={address} can't be reached. Start its head, or unset RAY_ADDRESS to "
                "use the cluster of this machine, or one that is started for this."
            )
    try:
        ray.init(address=address or "auto", **quiet)
    except ConnectionError as error:
        if address:
            raise BadInputError(f"The Ray cluster at RAY_ADDRESS={address} can't be joined: {_line(error)}") from None
        ray.init(address="local", num_cpus=workers, include_dashboard=False, **quiet)
    except (RuntimeError, ValueError) as error:  # other versions of Ray or Python; no node on this machine
        raise BadInputError(f"The Ray cluster at {address or 'this machine'} can't be joined: {_line(error)}") from None


@contextmanager
def _own_signals() -> Iterator[None]:
    """What Ctrl-C and a scheduler's SIGTERM do stays as it was: Ray's own handlers print a backtrace and abort."""
    numbers = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.getsignal(number) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            if handler is not None:
                signal.signal(number, handler)


def _host_and_port(address: str) -> tuple[str, int] | None:
    host, _, port = address.rpartition(":")
    if "/" in host or not host or not port.isdecimal() or not 0 < int(port) < 1 << 16:
        return None
    return host.strip("[]"), int(port)


def _reached(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=_SECONDS_TO_REACH).close()
    except OSError:
        return False
    return True


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
