"""The status of runs for the terminal: a line each, or all that is known of one."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from datetime import timedelta

from rich.console import Console

from dpg_bench.errors import on_command_line
from dpg_bench.report.status.result import JudgementStatus, RunStatus
from dpg_bench.report.terminal import Column, Row, say, show_table

_FAILURES = 5
_IMPORTED = "imported"  # the judge of answers from elsewhere


def print_statuses(statuses: Sequence[RunStatus], console: Console) -> None:
    """Print a table with a line for each run."""
    columns = [Column("run"), Column("model"), Column("suite"), Column("images"), Column("judged")]
    rows = [
        Row([str(one.run.path), one.model or "", one.suite or "", _images(one), "; ".join(_scores(one)) or "no"])
        for one in statuses
    ]
    show_table(console, columns, rows, spare=("suite", "model"))


def print_status(status: RunStatus, console: Console, *, judge: str | None = None) -> None:
    """Print everything about one run, and the command that comes next; `judge` is who should judge it, if not mPLUG."""
    rows = dict(_rows(status))
    width = max(map(len, rows))
    for name, value in rows.items():
        say(console, f"{name:<{width}}  {value}")
    for item, error in list(status.failed.items())[:_FAILURES]:
        say(console, f"failed: {item}: {error}")
    if len(status.failed) > _FAILURES:
        say(console, f"… and {len(status.failed) - _FAILURES} more, in {status.run.generation_log}")
    say(console, f"Next: {_next_command(status, judge)}")


def _next_command(status: RunStatus, judge: str | None) -> str:
    """What a user would do next with this run."""
    path = status.run.path
    if status.problem is not None:
        return on_command_line(status.problem)
    if status.state == "under way" or any(one.under_way for one in status.judgements):
        return f"wait; `dpgbench show {path}` tells how far it is"
    if status.record is not None and status.state != "complete":
        return "the command that began the run continues it"
    if not any(one.corrected is not None for one in status.judgements):
        if status.images is None and any(one.judge == _IMPORTED for one in status.judgements):
            suite = f" --suite {shlex.quote(status.suite)}" if status.suite is not None else ""
            return f"dpgbench score --answers FILE{suite} --out {path} --fresh, with a file of all answers"
        return f"dpgbench score {path}{f' --judge {judge}' if judge is not None else ''}"
    return f"dpgbench report {path}"


def _rows(status: RunStatus) -> Iterator[tuple[str, str]]:
    yield "run", str(status.run.path)
    yield "model", status.model or "not recorded"
    yield "suite", status.suite or "not recorded"
    yield "images", _images(status)
    if status.images is not None and status.images != status.run.images:
        yield "image folder", str(status.images)
    record = status.record
    if record is not None:
        known = (f"{name} {value}" for name, value in record.settings.items() if value not in (None, {}))
        yield "settings", ", ".join(known)
        yield "device", str(record.device.get("name") or record.device.get("device") or "not recorded")
        yield "began", record.started
        if record.finished is not None:
            yield "ended", record.finished
        if record.seconds:
            yield "took", _duration(record.seconds)
        yield "fingerprint", record.fingerprint
    elif status.source is not None and status.source.note:
        yield "note", status.source.note
    for place, words in enumerate(_scores(status)):
        yield ("judged" if place == 0 else f"judged {place + 1}"), words


def _images(status: RunStatus) -> str:
    if status.record is None and status.state != "under way":
        return "made elsewhere" if status.images is not None else "not here"
    count = f"{status.done}" if status.expected is None else f"{status.done} of {status.expected} items"
    failed = f", {len(status.failed)} failed" if status.failed else ""
    left = f", about {_duration(status.seconds_left)} left" if status.seconds_left is not None else ""
    return f"{status.state}: {count}{failed}{left}"


def _scores(status: RunStatus) -> Iterator[str]:
    for one in status.judgements:
        yield f"{one.judge}: {_judged(one)}"


def _judged(one: JudgementStatus) -> str:
    if one.under_way:
        return f"under way, {one.items} items answered"
    if one.problem is not None:
        return on_command_line(one.problem)
    if one.corrected is None and one.official is None:
        return f"incomplete, {one.partial or f'{one.items} items answered'}"
    both = (("corrected", one.corrected), ("official", one.official))
    scores = [f"{name} {score:.2f}" for name, score in both if score is not None]
    return ", ".join(scores) + (f" ({one.partial})" if one.partial else "")


def _duration(seconds: float) -> str:
    return str(timedelta(seconds=round(seconds)))
