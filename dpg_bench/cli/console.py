"""Where words go: data to stdout, everything else to stderr, both plain off a terminal.

All that commands print goes through here, so that nothing in a name or a message acts on the terminal.
"""

from __future__ import annotations

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from dpg_bench.errors import Message, on_command_line, shortened
from dpg_bench.report.plain_text import visible

if TYPE_CHECKING:
    from rich.console import Console

_LINE_EVERY_SECONDS = 30.0


def say(message: str) -> None:
    """A line for the person, not the pipe: to stderr. Options are called as flags."""
    print(visible(shortened(on_command_line(message))), file=sys.stderr, flush=True)


def show_log() -> None:
    """From now on, what the library logs is said."""
    log = logging.getLogger("dpg_bench")
    if not any(isinstance(handler, _Sayer) for handler in log.handlers):
        log.addHandler(_Sayer())
        log.setLevel(logging.INFO)


class _Sayer(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        say(record.msg if isinstance(record.msg, Message) else record.getMessage())


def show(text: object) -> None:
    """Lines of data for people: to stdout."""
    print(visible(str(text)))


def show_json(content: Any) -> None:
    r"""Data for programs: `content`, or text that is JSON already, to stdout.

    What stdout's encoding lacks, or a terminal would obey, is written as `\uXXXX`, which any reader takes for the same.
    """
    text = content if isinstance(content, str) else json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)
    print(_escaped(text.rstrip("\n")))


def terminal() -> Console:
    """Standard output for tables and coloured lines; plain text off a terminal and with NO_COLOR."""
    from rich.console import Console

    return Console()


def _escaped(text: str) -> str:
    try:
        text.encode(getattr(sys.stdout, "encoding", None) or "utf-8", errors="strict")
        if visible(text) == text:
            return text
    except UnicodeEncodeError:
        pass
    return re.sub(r"[^\x00-\x7e]", lambda letter: json.dumps(letter[0])[1:-1].replace("\x7f", "\\u007f"), text)


class Counter(Protocol):
    """Shows how many of a known number are done."""

    def __call__(self, done: int, *, total: int, start: int, note: str = "", what: str = "") -> None:
        """`start` of the `done` were there before and don't count towards the rate; a new `what` starts it anew."""
        ...


@contextmanager
def counting(what: str, unit: str) -> Iterator[Counter]:
    """A progress bar with rate and time left on a terminal, and elsewhere a line on stderr now and then."""
    if sys.stderr.isatty():
        with _bar(what, unit) as counter:
            yield counter
    else:
        yield _lines(what, unit)


class _Clock:
    """The time since the work at hand began, and how much of it was done by then."""

    def __init__(self, what: str) -> None:
        self.what = what
        self._began = time.monotonic()
        self._from: int | None = None

    def turn_to(self, what: str) -> None:
        """Start anew if this is other work; an empty text is the same."""
        if what and what != self.what:
            self.what, self._began, self._from = what, time.monotonic(), None

    def pace(self, done: int, *, total: int, start: int, unit: str) -> str:
        """`3.2 images/s, 20s left`; empty as long as nothing is done."""
        if self._from is None:
            self._from = max(done, start)
        rate = max(0, done - self._from) / max(time.monotonic() - self._began, 1e-9)
        left = f", {duration((total - done) / rate)} left" if rate > 0 and done < total else ""
        return f"{rate:.3g} {unit}/s{left}" if rate > 0 else ""


def _lines(what: str, unit: str) -> Counter:
    clock = _Clock(what)
    last = time.monotonic()
    shown = -1

    def show(done: int, *, total: int, start: int, note: str = "", what: str = "") -> None:
        nonlocal last, shown
        clock.turn_to(what)
        pace = clock.pace(done, total=total, start=start, unit=unit)
        now = time.monotonic()
        if (done < total and now - last < _LINE_EVERY_SECONDS) or done == shown or (done == start and done < total):
            return
        last, shown = now, done
        say(f"{clock.what}: {done} of {total} {unit}{f', {pace}' if pace else ''}{f' ({note})' if note else ''}")

    return show


@contextmanager
def _bar(what: str, unit: str) -> Iterator[Counter]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TextColumn("{task.fields[note]}", markup=False),
    )
    clock = _Clock(what)
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(visible(what), total=None, rate="", note="", visible=False)

        def show(done: int, *, total: int, start: int, note: str = "", what: str = "") -> None:
            clock.turn_to(what)
            progress.update(
                task,
                completed=done,
                total=total,
                rate=clock.pace(done, total=total, start=start, unit=unit),
                note=visible(note),
                description=visible(clock.what),
                visible=True,
            )

        yield show


def duration(seconds: float) -> str:
    """`1h 02min`, `3min 20s` or `5s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02d}min" if hours else f"{minutes}min {rest:02d}s" if minutes else f"{rest}s"
