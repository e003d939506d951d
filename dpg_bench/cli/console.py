"""Where words go: data to stdout, everything else to stderr, both plain off a terminal."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from dpg_bench.errors import Message

_LINE_EVERY_SECONDS = 30.0


def say(message: str) -> None:
    """A line for the person, not the pipe: to stderr. Options are called as flags."""
    text = message.on_command_line if isinstance(message, Message) else message
    print(text, file=sys.stderr, flush=True)


def show_log() -> None:
    """From now on, what the library logs is said."""
    log = logging.getLogger("dpg_bench")
    if not any(isinstance(handler, _Sayer) for handler in log.handlers):
        log.addHandler(_Sayer())
        log.setLevel(logging.INFO)


class _Sayer(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.msg if isinstance(record.msg, Message) else record.getMessage())


class Counter(Protocol):
    """Shows how many of a known number are done."""

    def __call__(self, done: int, *, total: int, start: int, note: str = "") -> None:
        """`start` of the `done` were there before and don't count towards the rate."""
        ...


@contextmanager
def counting(what: str, unit: str) -> Iterator[Counter]:
    """A progress bar with rate and time left on a terminal, and elsewhere a line on stderr now and then."""
    if sys.stderr.isatty():
        with _bar(what, unit) as counter:
            yield counter
    else:
        yield _lines(what, unit)


def _lines(what: str, unit: str) -> Counter:
    began = time.monotonic()
    last = began

    def show(done: int, *, total: int, start: int, note: str = "") -> None:
        nonlocal last
        now = time.monotonic()
        if done < total and now - last < _LINE_EVERY_SECONDS:
            return
        if done == start and done < total:
            return
        last = now
        rate = (done - start) / max(now - began, 1e-9)
        left = f", {_duration((total - done) / rate)} left" if rate > 0 and done < total else ""
        speed = f", {rate:.3g} {unit}/s" if done > start else ""
        say(f"{what}: {done} of {total} {unit}{speed}{left}{f' ({note})' if note else ''}")

    return show


@contextmanager
def _bar(what: str, unit: str) -> Iterator[Counter]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.fields[note]}"),
    )
    began = time.monotonic()
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(what, total=None, rate="", note="")

        def show(done: int, *, total: int, start: int, note: str = "") -> None:
            rate = (done - start) / max(time.monotonic() - began, 1e-9)
            speed = f"{rate:.3g} {unit}/s" if done > start else ""
            progress.update(task, completed=done, total=total, rate=speed, note=note)

        yield show


def _duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}min" if hours else f"{minutes}min {rest:02d}s" if minutes else f"{rest}s"
