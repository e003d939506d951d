"""Being told to end: a scheduler's SIGTERM and a closed terminal's SIGHUP are interruptions like Ctrl-C."""

from __future__ import annotations

import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from dpg_bench.cli import leave
from ella_models.training.stopping import imports, in_place_of

_GRACE = 1.5
"""Seconds: schedulers kill what is still there a little later, and everything on disk is whole at any moment."""


class Ended(KeyboardInterrupt):
    """The process was told to end by the signal `number`; what is under way is put in order first."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """128 and the signal's number, as shells count: 143 for SIGTERM."""
        return 128 + self.number

    def __str__(self) -> str:
        """In words."""
        return f"Ended by {signal.Signals(self.number).name}. What was finished is kept; the same command continues."


def end(number: int, frame: FrameType | None) -> None:
    """The handler of work that is put in order before it ends. Raises KeyboardInterrupt for Ctrl-C, else Ended.

    A second signal of the kind changes nothing: putting in order is under way. An import isn't interrupted, since
    libraries abort the process (torch) or come out half imported; nothing on disk is half done at any moment.
    """
    if imports(frame):
        leave(number, frame)
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    signal.signal(number, signal.SIG_IGN)
    raise Ended(number)


@contextmanager
def put_in_order() -> Iterator[None]:
    """For the length of the block, what would leave at once raises KeyboardInterrupt or Ended instead."""
    with in_place_of(leave, end):
        yield


def watch_for_terminations() -> None:
    """From now on, SIGTERM ends this process after 1.5 seconds whatever it is doing, with the message of `Ended`.

    The handler itself waits for the library call that is under way, which may take longer.
    """
    hears, told = socket.socketpair()
    told.setblocking(False)
    signal.set_wakeup_fd(told.fileno(), warn_on_full_buffer=False)
    threading.Thread(target=_watch, args=(hears, told), daemon=True, name="terminations").start()


def _watch(hears: socket.socket, told: socket.socket) -> None:
    while numbers := hears.recv(16):
        if signal.SIGTERM in numbers:
            threading.Event().wait(_GRACE)
            leave(signal.SIGTERM, None)
    told.close()
