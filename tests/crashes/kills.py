"""Killing work at random moments, and continuing it: one disturbance after another until the work ends by itself."""

from __future__ import annotations

import shutil
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.crashes.forks import Forks
from tests.crashes.work import Work

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
CODES = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}


@dataclass
class Tally:
    """What became of the kills of one work by one signal; `slowest` is in seconds, from the signal to the end."""

    kills: int = 0
    after_the_end: int = 0
    with_finished_work: int = 0
    slowest: float = 0.0
    wrong: list[str] = field(default_factory=list)


@dataclass
class Undisturbed:
    """A work's results when nobody disturbs it, and how long it takes."""

    work: Work
    start: Path | None
    results: Any
    seconds: float


def undisturbed(forks: Forks, work: Work, folder: Path, start: Path | None = None) -> Undisturbed:
    """Do `work` from a copy of `start`, or from nothing."""
    if start is not None:
        shutil.copytree(start, folder)
    began = time.monotonic()
    process = forks.start(*work.command(folder), cwd=folder.parent)
    assert process.wait() == 0, process.output
    return Undisturbed(work, start, work.results(folder), time.monotonic() - began)


def kill(forks: Forks, aim: Undisturbed, folder: Path, *, number: signal.Signals, moment: float, tally: Tally) -> None:
    """End the work by a signal after `moment` s, continue it, and note whatever isn't as if nothing had happened."""
    work, probe = aim.work, folder.with_suffix(".probe")
    if aim.start is not None:
        shutil.copytree(aim.start, folder)
    process = forks.start(*work.command(folder), cwd=folder.parent)
    time.sleep(max(0.0, process.began + moment - time.monotonic()))
    process.send(number)
    sent = time.monotonic()
    code = process.wait()
    tally.kills += 1
    tally.slowest = max(tally.slowest, time.monotonic() - sent)
    here = f"{work.name}, {number.name} after {moment:.3f} s"
    if code == 0:
        tally.after_the_end += 1
        aim.seconds *= 0.8  # it is quicker than when it was measured
    elif code != CODES[number]:
        tally.wrong.append(f"{here}: exit code {code}: {process.output[-300:]}")
    elif number != signal.SIGKILL and "same command" not in process.output:
        tally.wrong.append(f"{here}: it doesn't say how to continue: {process.output[-300:]}")
    if "Traceback" in process.output:
        tally.wrong.append(f"{here}: a traceback: {process.output[-2000:]}")
    before = work.finished(folder)
    tally.with_finished_work += bool(before)
    again = forks.start(*work.command(folder), cwd=folder.parent, probe=probe)
    if again.wait() != 0:
        tally.wrong.append(f"{here}: not continued: {again.output[-500:]}")
        return
    noted = probe.read_text().splitlines() if probe.exists() else []
    if redone := work.redone(folder, before, noted):
        tally.wrong.append(f"{here}: done again: {', '.join(sorted(redone)[:3])}")
    results = work.results(folder)
    tally.wrong += [f"{here}: {name} is another" for name in aim.results if results.get(name) != aim.results[name]]
    shutil.rmtree(folder)
