"""Items handed out in blocks to workers that may die: who is free gets the next, and nothing is done by nobody.

A block is some share of what is left, so that workers seldom ask at first and end at about the same time. A worker that
dies is replaced. What it leaves unfinished is handed out again item by item; an item that then takes a second worker
with it is given up and named, since nobody could tell otherwise which item it is and the work would go on for ever.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import Protocol

from dpg_bench.errors import DpgBenchError

_ROUNDS = 4
"""Blocks that each worker would still get if all blocks were as large as the next."""
_LARGEST = 64
_DEADLY = 2
"""Workers that an item may take with it."""
_FAILED_STARTS = 3
"""Workers in a row that may die before they are ready."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a worker says of a block: items that failed, with the reason, and what libraries remarked."""

    failed: Mapping[str, str] = field(default_factory=dict)
    remarks: tuple[str, ...] = ()


class OpenWork(Protocol):
    """Work with its model loaded, in a worker."""

    def do(self, items: Sequence[str]) -> Told:
        """Do these items, and write down what came of them before returning."""
        ...

    def close(self) -> None:
        """Let go of what is held."""
        ...


class Work(Protocol):
    """Work that can be sent to a worker. Picklable."""

    def open(self, name: str, device: str) -> OpenWork:
        """Load what it takes; `name` is the worker's, and of its folder. Raises what trying again can't help."""
        ...


@dataclass(frozen=True, slots=True)
class Ready:
    """A worker has loaded its model."""

    worker: str


@dataclass(frozen=True, slots=True)
class Done:
    """A worker has done its block."""

    worker: str
    told: Told


@dataclass(frozen=True, slots=True)
class Died:
    """A worker is no more; `how` says it in words."""

    worker: str
    how: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A worker met an error that concerns the whole work."""

    worker: str
    error: Exception


Event = Ready | Done | Died | Broken


class Engine(Protocol):
    """What runs workers: processes of this machine, or actors of a cluster."""

    @property
    def places(self) -> int:
        """How many workers it runs at once; may grow while they are waited for."""
        ...

    def start(self, name: str, place: int) -> None:
        """Start a worker at place 0 … `places` - 1; `Ready` or `Died` will be told of it."""
        ...

    def give(self, name: str, items: Sequence[str]) -> None:
        """Hand a block to a worker that has nothing to do."""
        ...

    def wait(self) -> Sequence[Event]:
        """What has happened; returns when something has."""
        ...

    def close(self) -> None:
        """End all workers."""
        ...


@dataclass(frozen=True, slots=True)
class HandedOut:
    """What came of all: items that failed or were given up, with the reason, remarks, and how many workers died."""

    failed: Mapping[str, str]
    given_up: Mapping[str, str]
    remarks: tuple[str, ...]
    deaths: int


def hand_out(
    engine: Engine,
    items: Sequence[str],
    *,
    alone: Iterable[str] = (),
    multiple: int = 1,
    unfinished: Callable[[Sequence[str]], Sequence[str]],
    give_up: Callable[[str, str], None],
    name: Callable[[int], str],
    progress: Callable[[Sequence[str], int], None] | None = None,
) -> HandedOut:
    """Have all `items` done; those of `alone`, that failed before, one at a time and after the others.

    A block is a multiple of `multiple` items where there are so many. `unfinished` says which items of a dead worker's
    block are not done yet, `give_up` writes down an item that is given up, with the reason; `name` gives the n-th
    worker's name. `progress` is told which items have just been done, and how many failed or were given up in all.

    Raises DpgBenchError if workers die one after the other before they are ready, and whatever error a worker met.
    """
    left = deque(items)
    singly: deque[tuple[str, ...]] = deque((item,) for item in alone)
    state = _State(
        engine,
        left,
        singly,
        multiple=multiple,
        unfinished=unfinished,
        give_up=give_up,
        name=name,
        progress=progress,
    )
    try:
        state.run()
    finally:
        engine.close()
    return HandedOut(state.failed, state.given_up, tuple(dict.fromkeys(state.remarks)), state.deaths)


class _State:
    def __init__(
        self,
        engine: Engine,
        left: deque[str],
        singly: deque[tuple[str, ...]],
        *,
        multiple: int,
        unfinished: Callable[[Sequence[str]], Sequence[str]],
        give_up: Callable[[str, str], None],
        name: Callable[[int], str],
        progress: Callable[[Sequence[str], int], None] | None,
    ) -> None:
        self._engine = engine
        self._left = left
        self._singly = singly
        self._multiple = multiple
        self._unfinished = unfinished
        self._give_up = give_up
        self._name = name
        self._progress = progress
        self._started = 0
        self._places: dict[str, int] = {}
        self._at_work: dict[str, tuple[str, ...]] = {}
        self._idle: list[str] = []
        self._strikes: Counter[str] = Counter()
        self._failed_starts = 0
        self._ready: set[str] = set()
        self.failed: dict[str, str] = {}
        self.given_up: dict[str, str] = {}
        self.remarks: list[str] = []
        self.deaths = 0

    def run(self) -> None:
        while self._left or self._singly or self._at_work:
            self._fill()
            for event in self._engine.wait():
                self._take(event)
            for worker in list(self._idle):
                self._feed(worker)

    def _fill(self) -> None:
        """Start workers at free places, no more than there are items to do."""
        free = sorted(set(range(self._engine.places)) - set(self._places.values()))
        items = len(self._left) + len(self._singly) + sum(map(len, self._at_work.values()))
        for place in free[: max(0, items - len(self._places))]:
            name = self._name(self._started)
            self._started += 1
            self._places[name] = place
            self._engine.start(name, place)

    def _feed(self, worker: str) -> None:
        block = self._block()
        if block:
            self._idle.remove(worker)
            self._at_work[worker] = block
            self._engine.give(worker, block)

    def _block(self) -> tuple[str, ...]:
        if not self._left:
            return self._singly.popleft() if self._singly else ()
        size = ceil(len(self._left) / (_ROUNDS * self._engine.places))
        size = min(_LARGEST, ceil(size / self._multiple) * self._multiple)
        return tuple(self._left.popleft() for _ in range(min(size, len(self._left))))

    def _take(self, event: Event) -> None:
        if isinstance(event, Broken):
            raise event.error
        if isinstance(event, Died):
            self._bury(event)
            return
        self._failed_starts = 0
        self._ready.add(event.worker)
        self._idle.append(event.worker)
        if isinstance(event, Done):
            self.failed.update(event.told.failed)
            self.remarks += event.told.remarks
            self._report(self._at_work.pop(event.worker))

    def _bury(self, event: Died) -> None:
        self.deaths += 1
        del self._places[event.worker]
        if event.worker in self._idle:
            self._idle.remove(event.worker)
        block = self._at_work.pop(event.worker, ())
        if event.worker not in self._ready:
            self._failed_starts += 1
            if self._failed_starts >= _FAILED_STARTS:
                raise DpgBenchError(
                    f"{self._failed_starts} workers in a row ended before their model was loaded ({event.how}), "
                    "perhaps for want of memory. What was finished is kept; free some memory, or use fewer workers, "
                    "and run the same command again to continue."
                )
        left = tuple(self._unfinished(block)) if block else ()
        done = [item for item in block if item not in left]
        for item in left:
            self._strikes[item] += 1
        if len(block) == 1 and left and self._strikes[left[0]] >= _DEADLY:
            reason = f"its worker ended {self._strikes[left[0]]} times while it was at it ({event.how})"
            self._give_up(left[0], reason)
            self.given_up[left[0]] = reason
            done.append(left[0])
        else:
            self._singly.extend((item,) for item in left)
        self._report(done)

    def _report(self, done: Sequence[str]) -> None:
        if self._progress is not None:
            self._progress(done, len(self.failed) + len(self.given_up))
