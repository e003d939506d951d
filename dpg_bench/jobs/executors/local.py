"""Workers as processes of this machine, one for each device."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import TypeVar

from dpg_bench.errors import BadInputError, DpgBenchError, option
from dpg_bench.jobs.executors.blocks import Broken, Died, Done, Event, OpenWork, Ready, Work
from dpg_bench.judge.prefetch import become_worker, without_main

_ResultT = TypeVar("_ResultT")

_SECONDS_TO_END = 10.0


@dataclass(frozen=True, slots=True)
class _Worker:
    process: BaseProcess
    pipe: Connection


class LocalProcesses:
    """A worker for each of `devices`, which torch names. Implements `Engine`.

    Processes are started anew rather than forked, since a GPU doesn't survive that, and end with this one.
    """

    def __init__(self, work: Work, devices: Sequence[str]) -> None:
        """Raises BadInputError for work that can't be sent to another process."""
        check_sendable(work)
        self._work = work
        self._devices = tuple(devices)
        self._workers: dict[str, _Worker] = {}
        self._idle: set[str] = set()

    @property
    def places(self) -> int:
        """One for each device."""
        return len(self._devices)

    def start(self, name: str, place: int) -> None:
        """Start a process."""
        context = multiprocessing.get_context("spawn")
        here, there = context.Pipe()
        arguments = (self._work, name, self._devices[place], str(Path.cwd()), there)
        process = context.Process(target=_serve, args=arguments, name=name)
        with without_main():
            process.start()
        there.close()  # so that the pipe ends with the process
        self._workers[name] = _Worker(process, here)

    def give(self, name: str, items: Sequence[str]) -> None:
        """Hand a block over. That the process is no more is told by `wait`."""
        self._idle.discard(name)
        with suppress(OSError):
            self._workers[name].pipe.send(tuple(items))

    def wait(self) -> list[Event]:
        """What processes say, and which have ended."""
        ready = wait([worker.pipe for worker in self._workers.values()])
        events: list[Event] = []
        for name, worker in list(self._workers.items()):
            if worker.pipe not in ready:
                continue
            try:
                events.append(worker.pipe.recv())
                self._idle.add(name)
            except (EOFError, OSError):
                worker.process.join()
                del self._workers[name]
                self._idle.discard(name)
                worker.pipe.close()
                events.append(Died(name, _how(worker.process.exitcode)))
        return events

    def close(self) -> None:
        """End all processes: those at work are killed, and what they have finished is kept."""
        for name, worker in self._workers.items():
            if name in self._idle:
                with suppress(OSError):
                    worker.pipe.send(None)
            else:
                worker.process.kill()
        for worker in self._workers.values():
            worker.process.join(_SECONDS_TO_END)
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()
        self._workers.clear()


def check_sendable(work: Work) -> None:
    """Raises BadInputError for work that lies in this process's memory, as models and judges given as objects may."""
    try:
        pickle.dumps(work)
    except Exception as error:  # noqa: BLE001 - an object's own way of being pickled can raise anything
        raise BadInputError(
            f"This can't be sent to another process: {error}. Give model, judge and suite by their names, or leave "
            f"{option('devices')} out."
        ) from None


def _how(code: int | None) -> str:
    if code is not None and code < 0:
        try:
            return f"killed by {signal.Signals(-code).name}"
        except ValueError:
            return f"killed by signal {-code}"
    return f"exit code {code}"


def _serve(work: Work, name: str, device: str, folder: str, pipe: Connection) -> None:
    """The life of a process: open the work, then do what is handed over until nobody is there any more."""
    become_worker()
    with suppress(EOFError, BrokenPipeError):  # of the pipe alone, whose other end is gone
        opened = tried(partial(open_work, work, name, device, folder))
        if isinstance(opened, Exception):
            pipe.send(Broken(name, opened))
            return
        pipe.send(Ready(name))
        while (items := pipe.recv()) is not None:
            told = tried(partial(opened.do, items))
            pipe.send(Broken(name, told) if isinstance(told, Exception) else Done(name, told))
        opened.close()


def open_work(work: Work, name: str, device: str, folder: str) -> OpenWork:
    """The work, loaded, in the caller's `folder`, so that relative paths mean the same. Raises what can't be helped."""
    try:
        os.chdir(folder)
    except OSError as error:
        raise DpgBenchError(
            f"The working folder {folder} is not there on every machine of the cluster ({error.strerror}). Start from "
            "a folder that all of them share."
        ) from None
    return work.open(name, device)


def tried(work: Callable[[], _ResultT]) -> _ResultT | Exception:
    """What `work` gives, or the error that it meets, as far as that can be sent to another process."""
    try:
        return work()
    except Exception as error:  # noqa: BLE001 - sent to the process that hands out, which raises it
        return _sendable(error)


def _sendable(error: Exception) -> Exception:
    """`error`, or what it says, if it can't be sent itself."""
    try:
        pickle.loads(pickle.dumps(error))  # noqa: S301 - our own
    except Exception:  # noqa: BLE001 - a library's own error class can raise anything when it is pickled or made again
        return DpgBenchError(f"{type(error).__name__}: {error}")
    return error
