"""Ctrl-C and SIGTERM end a run after the step that is being done, with a checkpoint; before the first one, at once."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from types import FrameType, TracebackType
from typing import Any

Handler = Callable[[int, FrameType | None], None]
"""Of a signal: its number, and where it found the program."""

CONTINUES = "Stopped; run the same command again to go on."


class Ended(KeyboardInterrupt):
    """The process was told to end by the signal `number`."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def end(number: int, frame: FrameType | None) -> None:
    """The handler of work that is put in order before it ends. Raises Ended, but in an import."""
    if imports(frame):
        leave(number, frame)
    raise Ended(number)


def leave(number: int, _frame: FrameType | None) -> None:
    """The handler of a process that has nothing to put in order: an interrupted import would leave by a traceback."""
    cursor = "\r\x1b[?25h" if os.isatty(2) else ""  # which a progress bar hides
    os.write(2, f"{cursor}{CONTINUES}\n".encode())
    os._exit(128 + number)


def imports(frame: FrameType | None) -> bool:
    """Whether an import is under way: raised there, an exception makes torch abort the process."""
    while frame is not None and frame.f_code.co_filename != "<frozen importlib._bootstrap>":
        frame = frame.f_back
    return frame is not None


@contextmanager
def put_in_order() -> Iterator[None]:
    """For the length of the block, what would `leave` raises Ended instead."""
    with in_place_of(leave, end):
        yield


@contextmanager
def in_place_of(handler: Handler, other: Handler) -> Iterator[None]:
    """For the length of the block, `other` gets the signals that `handler` would: Ctrl-C, SIGTERM and SIGHUP."""
    numbers = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]
    with _Heard(other, [number for number in numbers if signal.getsignal(number) is handler]):
        yield


class _Heard:
    """For the length of the block, `handler` gets these signals; what it raises leaves the block as it is.

    A library that called back into the program would wrap it in an error of its own.
    """

    def __init__(self, handler: Handler, numbers: Sequence[int]) -> None:
        self._handler = handler
        self._numbers = numbers
        self._before: dict[int, Any] = {}
        self._raised: KeyboardInterrupt | None = None

    def __enter__(self) -> None:
        self._before = {number: signal.signal(number, self._hear) for number in self._numbers}

    def __exit__(self, _: type[BaseException] | None, error: BaseException | None, __: TracebackType | None) -> None:
        for number, earlier in self._before.items():
            signal.signal(number, earlier)
        if self._raised is not None and isinstance(error, Exception):
            raise self._raised from error

    def _hear(self, number: int, frame: FrameType | None) -> None:
        try:
            self._handler(number, frame)
        except KeyboardInterrupt as ending:
            self._raised = ending
            raise


class StopRequest:
    """Whether the run was asked to stop, and by which signal."""

    def __init__(self) -> None:
        self.number: int | None = None
        self.in_step = False

    @property
    def asked(self) -> bool:
        """Whether it was."""
        return self.number is not None

    def __call__(self, number: int, frame: FrameType | None) -> None:
        """Note the first request; a second one interrupts at once, and so does one before the first step.

        But one that comes while something is imported waits until `begin_steps`.
        """
        if self.number is not None or not (self.in_step or imports(frame)):
            raise Ended(number)
        self.number = number

    def begin_steps(self) -> None:
        """From now on there is a step to end first. Raises Ended if the run was asked to stop before."""
        self.in_step = True
        if self.number is not None:
            raise Ended(self.number)


@contextmanager
def stop_requests() -> Iterator[StopRequest]:
    """Catch both signals for the length of the block; outside the main thread, none come."""
    request = StopRequest()
    if threading.current_thread() is not threading.main_thread():
        yield request
        return
    with _Heard(request, (signal.SIGINT, signal.SIGTERM)):
        yield request
