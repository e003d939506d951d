"""Killing work at random moments, and continuing it.

A moment is drawn among those that undisturbed work went through: a state that its folder was in, and a part of the time
until the next one. Whoever kills waits until that state is seen, so that a slower or faster machine changes little.
"""

from __future__ import annotations

import random
import shutil
import signal
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.crashes.forks import Forks, Process
from tests.crashes.work import Work

SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)
CODES = {signal.SIGKILL: -9, signal.SIGTERM: 143, signal.SIGINT: 130}


@dataclass(frozen=True)
class Moment:
    """When to kill: `wait` s after the folder has come to `progress`, the state number `state` of `states`."""

    progress: int
    wait: float
    state: int
    states: int

    def __str__(self) -> str:
        return f"{1000 * self.wait:.1f} ms into state {self.state} of {self.states}"


@dataclass
class Aim:
    """A work, what it leaves when nobody disturbs it, and through which states it went, with the seconds of each."""

    work: Work
    start: Path | None
    results: Any
    states: list[tuple[int, float]]

    def moment(self, rng: random.Random) -> Moment:
        """Any of its states, and anywhere in it, but for the last one, in which all is done and the process ends."""
        state = rng.randrange(max(1, len(self.states) - 1))
        progress, seconds = self.states[state]
        return Moment(progress, rng.uniform(0, seconds), state, len(self.states))


@dataclass
class Kill:
    """What became of a kill; `seconds` are from the signal to the end, `late` is one after the work's own end."""

    number: int
    work: str
    signal: str
    moment: str
    late: bool = False
    finished: int = 0
    seconds: float = 0.0
    wrong: list[str] = field(default_factory=list)

    def record(self) -> dict[str, Any]:
        """As a line of the campaign's log."""
        return asdict(self)


def undisturbed(forks: Forks, work: Work, folder: Path, start: Path | None = None) -> Aim:
    """Do `work` from a copy of `start`, or from nothing, and watch it."""
    if start is not None:
        shutil.copytree(start, folder)
    process = forks.start(*work.command(folder), cwd=folder.parent)
    seen = [(work.progress(folder), process.began)]
    while forks.ended(process) is None:
        if (now := work.progress(folder)) > seen[-1][0]:
            seen.append((now, time.monotonic()))
        time.sleep(0.0005)
    end = time.monotonic()
    assert process.wait() == 0, process.output
    times = [moment for _, moment in seen[1:]] + [end]
    states = [(progress, end - began) for (progress, began), end in zip(seen, times, strict=True)]
    return Aim(work, start, work.results(folder), states)


def kill(forks: Forks, aim: Aim, folder: Path, *, number: int, by: signal.Signals, moment: Moment) -> Kill:
    """End the work by a signal, continue it, and note whatever isn't as if nothing had happened.

    What is left of a kill that went wrong stays in `folder`.
    """
    work, probe = aim.work, folder.with_suffix(".probe")
    if aim.start is not None:
        shutil.copytree(aim.start, folder)
    done = Kill(number, work.name, by.name, str(moment))
    process = forks.start(*work.command(folder), cwd=folder.parent)
    _await(moment, work, folder, process)
    process.send(by)
    sent = time.monotonic()
    code = process.wait()
    done.seconds = round(time.monotonic() - sent, 3)
    done.late = code == 0
    if not done.late and code != CODES[by]:
        done.wrong.append(f"exit code {code}: {process.output[-2000:]}")
    elif not done.late and by != signal.SIGKILL and "same command" not in process.output:
        done.wrong.append(f"it doesn't say how to continue: {process.output[-2000:]}")
    if "Traceback" in process.output:
        done.wrong.append(f"a traceback: {process.output[-4000:]}")
    before = work.finished(folder)
    done.finished = len(before)
    again = forks.start(*work.command(folder), cwd=folder.parent, probe=probe)
    if again.wait() != 0:
        done.wrong.append(f"not continued: {again.output[-4000:]}")
        return done
    noted = probe.read_text().splitlines() if probe.exists() else []
    if redone := work.redone(folder, before, noted):
        done.wrong.append(f"done again: {', '.join(sorted(redone))}")
    results = work.results(folder)
    done.wrong += [f"{name} is another" for name in aim.results if results.get(name) != aim.results[name]]
    if not done.wrong:
        shutil.rmtree(folder)
        probe.unlink(missing_ok=True)
    return done


def _await(moment: Moment, work: Work, folder: Path, process: Process) -> None:
    began = process.began
    if moment.state:
        while work.progress(folder) < moment.progress and process.server.ended(process) is None:
            time.sleep(0.0003)
        began = time.monotonic()
    time.sleep(max(0.0, began + moment.wait - time.monotonic()))
