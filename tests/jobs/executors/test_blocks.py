"""Handing out: everything is done, whoever dies, and what kills is named."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpg_bench.errors import BadInputError, DpgBenchError
from dpg_bench.jobs.executors.blocks import Broken, Died, Done, Event, HandedOut, Ready, Told, hand_out


class Simulated:
    """Workers that do items in order and say so at once; poison kills, and so does every so manieth item."""

    def __init__(
        self, places: int, *, poison: frozenset[str] = frozenset(), lost: frozenset[int] = frozenset()
    ) -> None:
        self.places = places
        self.done: Counter[str] = Counter()
        self.blocks: list[tuple[str, ...]] = []
        self.closed = False
        self._poison = poison
        self._lost = lost
        self._events: deque[Event] = deque()

    def start(self, name: str, place: int) -> None:
        assert 0 <= place < self.places
        self._events.append(Ready(name))

    def give(self, name: str, items: Sequence[str]) -> None:
        self.blocks.append(tuple(items))
        for item in items:
            if item in self._poison:
                self._events.append(Died(name, "killed by SIGKILL"))
                return
            self.done[item] += 1
        lost = len(self.blocks) in self._lost  # after the work, before it could say so
        self._events.append(Died(name, "node lost") if lost else Done(name, Told()))

    def wait(self) -> list[Event]:
        return [self._events.popleft()]

    def close(self) -> None:
        self.closed = True


def run(engine: Simulated, items: Sequence[str], **settings: object) -> tuple[HandedOut, dict[str, str], list[str]]:
    given_up: dict[str, str] = {}
    told: list[str] = []
    out = hand_out(
        engine,
        items,
        unfinished=lambda block: [item for item in block if not engine.done[item]],
        give_up=given_up.__setitem__,
        name=lambda number: f"worker-{number}",
        progress=lambda now, _: told.extend(now),
        **settings,  # type: ignore[arg-type]
    )
    assert engine.closed
    return out, given_up, told


@given(
    count=st.integers(0, 300),
    places=st.integers(1, 9),
    poison=st.sets(st.integers(0, 299), max_size=4),
    lost=st.sets(st.integers(1, 40), max_size=5),
    multiple=st.integers(1, 8),
)
def test_all_items_are_done_once_but_those_that_kill_which_are_named(
    count: int, places: int, poison: set[int], lost: set[int], multiple: int
) -> None:
    items = [f"i{n}" for n in range(count)]
    deadly = frozenset(f"i{n}" for n in poison if n < count)
    engine = Simulated(places, poison=deadly, lost=frozenset(lost))
    out, given_up, told = run(engine, items, multiple=multiple)
    assert given_up.keys() == out.given_up.keys() == deadly
    assert engine.done == Counter({item: 1 for item in items if item not in deadly})
    assert sorted(told) == sorted(items)


def test_poison_takes_two_workers_with_it_and_no_third() -> None:
    engine = Simulated(2, poison=frozenset({"i5"}))
    out, given_up, _ = run(engine, [f"i{n}" for n in range(20)])
    assert out.deaths == 2
    assert given_up == {"i5": "its worker ended 2 times while it was at it (killed by SIGKILL)"}
    assert [block for block in engine.blocks if "i5" in block][1:] == [("i5",)]


def test_blocks_shrink_and_are_whole_batches() -> None:
    engine = Simulated(4)
    run(engine, [f"i{n}" for n in range(100)], multiple=2)
    sizes = [len(block) for block in engine.blocks]
    assert sizes[0] == 8
    assert sizes == sorted(sizes, reverse=True)
    assert all(size % 2 == 0 for size in sizes)


def test_what_failed_before_comes_last_and_alone() -> None:
    engine = Simulated(1)
    run(engine, ["a", "b"], alone=["x", "y"])
    assert engine.blocks[-2:] == [("x",), ("y",)]


def test_an_error_about_all_of_the_work_ends_it() -> None:
    class Full(Simulated):
        def give(self, name: str, items: Sequence[str]) -> None:
            assert items
            self._events.append(Broken(name, BadInputError("The disk is full.")))

    engine = Full(2)
    with pytest.raises(BadInputError, match="The disk is full"):
        run(engine, ["a"])
    assert engine.closed


def test_workers_that_never_get_ready_are_not_started_for_ever() -> None:
    class Stillborn(Simulated):
        def start(self, name: str, place: int) -> None:
            self._events.append(Died(name, f"exit code 1 at {place}"))

    with pytest.raises(DpgBenchError, match="3 workers in a row ended before their model was loaded"):
        run(Stillborn(2), ["a", "b"])
