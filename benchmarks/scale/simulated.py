"""64 workers and 100,000 items, simulated: shares dealt in advance against blocks handed out.

Blocks are handed out by the very code that does it (`dpg_bench.jobs.executors.blocks.hand_out`), on workers whose clock is
simulated; shares are dealt by `dpg_bench.jobs.shards.deal`. Item times are drawn from those of a run that was measured (a
toy run made here, or `--times RUN`), scaled to a mean of `--mean` seconds. A worker takes `--load` seconds to load its
model, and fails after an exponentially distributed time; a share that is started again by hand or by a scheduler waits
`--requeue` seconds first. Stragglers are workers that take three times as long for everything.

    python -m benchmarks.scale.simulated --plot docs/images/makespan.svg
"""

from __future__ import annotations

import argparse
import heapq
import random
import tempfile
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from statistics import fmean

from benchmarks.measuring import describe_machine
from dpg_bench.files.durable import read_jsonl
from dpg_bench.files.run_folder import RunDir
from dpg_bench.jobs import RunRequest, execute_run, plan_run
from dpg_bench.jobs.executors.blocks import Died, Done, Event, Ready, Told, hand_out
from dpg_bench.jobs.shards import Shard, deal

WAYS = ("shares, dead ones started again", "shares, dead ones stolen (--steal)", "blocks (--devices, --engine ray)")


@dataclass(frozen=True, slots=True)
class World:
    """What happens, whoever hands out: `slow` are how much longer each worker takes, `mtbf` seconds until it fails."""

    name: str
    times: dict[str, float]
    dealt: tuple[tuple[str, ...], ...]
    slow: tuple[float, ...]
    mtbf: float | None
    load: float
    requeue: float
    per_block: float
    seed: int

    def life(self, rng: random.Random) -> float:
        """How long a worker that starts now lives."""
        return rng.expovariate(1 / self.mtbf) if self.mtbf is not None else float("inf")

    @property
    def ideal(self) -> float:
        """Seconds if work flowed like water and nobody failed, once models are loaded."""
        return self.load + sum(self.times.values()) / sum(1 / one for one in self.slow)


class VirtualWorkers:
    """An engine whose clock is simulated."""

    def __init__(self, world: World) -> None:
        self.now = 0.0
        self.places = len(world.slow)
        self._world = world
        self._rng = random.Random(world.seed)
        self._dies: dict[str, float] = {}
        self._slow: dict[str, float] = {}
        self._heap: list[tuple[float, int, Event]] = []
        self._order = count()
        self.done: set[str] = set()

    def start(self, name: str, place: int) -> None:
        self._slow[name] = self._world.slow[place]
        self._dies[name] = self.now + self._world.life(self._rng)
        self._tell(self.now + self._world.load, Ready(name))

    def give(self, name: str, items: Sequence[str]) -> None:
        at = self.now + self._world.per_block
        for item in items:
            at += self._world.times[item] * self._slow[name]
            if at > self._dies[name]:
                self._tell(max(self.now, self._dies[name]), Died(name, "failed"))
                return
            self.done.add(item)
        self._tell(at, Done(name, Told()))

    def wait(self) -> list[Event]:
        self.now, _, event = heapq.heappop(self._heap)
        return [event]

    def close(self) -> None:
        return

    def _tell(self, at: float, event: Event) -> None:
        heapq.heappush(self._heap, (at, next(self._order), event))


def blocks(world: World) -> float:
    """Seconds until all is done by blocks."""
    engine = VirtualWorkers(world)
    out = hand_out(
        engine,
        list(world.times),
        multiple=2,
        unfinished=lambda block: [item for item in block if item not in engine.done],
        give_up=lambda *_: None,
        name=lambda number: f"w{number}",
    )
    if out.given_up:  # workers that failed by chance twice at one item: the same command makes these
        print(f"  {len(out.given_up)} items given up")
    return engine.now


def shares(world: World, *, steal: bool) -> float:
    """Seconds until all is done by shares: those that fail start again later, or are stolen by whoever is done."""
    rng = random.Random(world.seed)
    workers = len(world.slow)
    left = [deque(share) for share in world.dealt]
    dead: list[int] = []
    last = 0.0
    heap = [(world.load, index, index, world.life(rng)) for index in range(workers)]  # when, who, whose share, dies
    heapq.heapify(heap)
    while heap:
        at, worker, share, dies = heapq.heappop(heap)
        if not left[share]:
            last = max(last, at)
            if steal and dead:
                heapq.heappush(heap, (at, worker, dead.pop(0), dies))
            continue
        after = at + world.times[left[share][0]] * world.slow[worker]
        if after <= dies:
            left[share].popleft()
            heapq.heappush(heap, (after, worker, share, dies))
        elif steal:
            dead.append(share)
        else:
            again = max(at, dies) + world.requeue + world.load
            heapq.heappush(heap, (again, worker, share, again - world.load + world.life(rng)))
    if dead:  # who finished before the last one died had nothing to steal: the same command again does the rest
        rest = sum(sum(world.times[item] for item in left[share]) for share in dead)
        last += world.requeue + world.load + rest / workers
    return last


def measured_times(run: Path) -> list[float]:
    """Seconds of each item of a run."""
    return [float(line["seconds"]) for line in read_jsonl(RunDir(run).generation_log) if "seconds" in line]


def main() -> None:
    """Simulate all and print; draw, if wanted."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--times", type=Path, help="a run whose items' seconds are taken; a toy run by default")
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--items", type=int, default=100_000)
    parser.add_argument("--mean", type=float, default=8.0, help="seconds an item takes on average")
    parser.add_argument("--load", type=float, default=60.0)
    parser.add_argument("--requeue", type=float, default=600.0)
    parser.add_argument("--mtbf", type=float, default=8 * 3600.0, help="seconds until a worker fails, on average")
    parser.add_argument("--per-block", type=float, default=0.02)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    seconds = measured_times(options.times) if options.times else toy_times()
    rng = random.Random(options.seed)
    scale = options.mean / fmean(seconds)
    times = {f"item{n}": scale * rng.choice(seconds) for n in range(options.items)}
    dealt = tuple(tuple(sorted(deal(list(times), Shard(n, options.workers)))) for n in range(options.workers))
    even, uneven = (1.0,) * options.workers, tuple(3.0 if n % 16 == 0 else 1.0 for n in range(options.workers))
    worlds = [
        World(name, times, dealt, slow, mtbf, options.load, options.requeue, options.per_block, options.seed)
        for name, slow, mtbf in (
            ("nothing happens", even, None),
            ("1 of 16 workers is slow", uneven, None),
            ("workers fail", even, options.mtbf),
            ("both", uneven, options.mtbf),
        )
    ]
    print(describe_machine())
    print(
        f"{options.workers} workers, {options.items} items of {options.mean:g} s on average (from {len(seconds)} measured "
        f"ones, {scale * min(seconds):.1f} to {scale * max(seconds):.1f} s), {options.load:g} s to load, failing every "
        f"{options.mtbf / 3600:g} h, {options.requeue:g} s to start again, {1000 * options.per_block:g} ms a block, seed "
        f"{options.seed}\n"
    )
    print(f"{'makespan over the ideal one':28}" + "".join(f"{way:>38}" for way in WAYS))
    table: dict[str, list[float]] = {}
    for world in worlds:
        spans = [shares(world, steal=False), shares(world, steal=True), blocks(world)]
        table[world.name] = [span / world.ideal for span in spans]
        cells = "".join(f"{f'{span / 3600:.2f} h, +{100 * (span / world.ideal - 1):.1f} %':>38}" for span in spans)
        print(f"{world.name:28}{cells}   (ideal {world.ideal / 3600:.2f} h)")
    if options.plot:
        draw(table, options.plot)


def toy_times() -> list[float]:
    """Seconds of each item of a toy run made here."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        request = RunRequest(model="tiny-sd15", suite="sample", batch_size=4, device="cpu", out=out)
        execute_run(plan_run(request))
        return measured_times(out)


def draw(table: dict[str, list[float]], path: Path) -> None:
    """Bars: what each way takes, over the ideal."""
    import matplotlib as mpl

    mpl.use("svg")
    mpl.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "makespan", "font.family": "sans-serif"})
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(8, 3.6), layout="constrained")
    for number, (way, colour) in enumerate(zip(WAYS, ("#b0b7c3", "#7a8fb8", "#3949ab"), strict=True)):
        heights = [100 * (values[number] - 1) for values in table.values()]
        places = [place + 0.27 * (number - 1) for place in range(len(table))]
        bars = axes.bar(places, heights, width=0.25, label=way, color=colour)
        axes.bar_label(bars, fmt="%.1f", fontsize=8)
    axes.set_xticks(range(len(table)), list(table))
    axes.set_ylabel("% over the ideal makespan")
    axes.spines[["top", "right"]].set_visible(False)
    figure.legend(frameon=False, fontsize=8, ncols=3, loc="outside upper center")
    figure.savefig(path, metadata={"Date": None})


if __name__ == "__main__":
    main()
