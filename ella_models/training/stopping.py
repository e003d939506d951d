"""Ctrl-C and SIGTERM end a run after the step that is being done, with a checkpoint; before the first one, at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


class Ended(KeyboardInterrupt):
    """The process was told to end by the signal `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001 - a signal handler's signature
    """The handler of a process that has nothing to keep yet. Raises Ended."""
    raise Ended(number)


class StopRequest:
    """Whether the run was asked to stop, and by which signal; `in_step` says that there is a step to end first."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.in_step = False

    @property
    def asked(self) -> bool:
        """Whether it was."""
        return self.number is not None

    def __call__(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - a signal handler's signature
        """Note the first request; a second one interrupts at once, and so does one before the first step."""
        if self.number is not None or not self.in_step:
            raise Ended(number)
        self.number = number


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Catch both signals for the length of the block; outside the main thread, none come."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    before = {number: signal.signal(number, request) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield request
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
