"""Who does the work of `run` and `score`: this process, one of several that share it, or workers that it starts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeAlias

from dpg_bench.cli.console import say
from dpg_bench.cli.share import Share, find_share

if TYPE_CHECKING:
    from dpg_bench.jobs.executors.blocks import Engine, Work

EngineName: TypeAlias = Literal["local", "ray"]

_MOST_WORKERS = 4096


@dataclass(frozen=True, slots=True)
class Workers:
    """How workers are started, what they are in words, and the device that is planned for."""

    start: Callable[[Work], Engine]
    said: str
    device: str


@dataclass(frozen=True, slots=True)
class Division:
    """How the work is divided, in the words of the options of those names."""

    shard: str | None
    device: str
    devices: str | None
    engine: EngineName
    workers: int | None
    steal: bool = False


def find_workers(asked: Division) -> Share | Workers:
    """What the options say.

    Raises BadInputError for those that exclude each other, and for devices that aren't there.
    """
    from dpg_bench.errors import BadInputError, check_positive

    device, devices, engine, workers = asked.device, asked.devices, asked.engine, asked.workers
    check_positive({"workers": workers})
    if workers is not None and engine == "local" and devices is not None:
        raise BadInputError("--devices says how many workers there are; leave --workers out.")
    if devices is not None and device != "auto":
        raise BadInputError(f"--devices says where the workers are; leave --device {device} out.")
    if workers is not None and workers > _MOST_WORKERS:
        raise BadInputError(f"--workers is {workers}; it must be at most {_MOST_WORKERS}.")
    several = devices is not None or workers is not None or engine != "local"
    if not several:
        return find_share(asked.shard, device)
    if devices is not None and engine == "ray":
        raise BadInputError("--engine ray takes the GPUs of the cluster, or --workers N; leave --devices out.")
    if asked.steal:
        raise BadInputError("Workers that one command starts do all of it; leave --steal out, which is for --shard.")
    share = find_share(asked.shard, device)
    if share.shard is not None:
        who = share.shard.origin or "--shard"
        raise BadInputError(
            f"This process is one of several already ({share.shard}, says {who}). Leave --devices, --engine and "
            "--workers out, or say --shard 0/1."
        )
    if engine == "ray":
        from dpg_bench.jobs.executors.ray import RayActors

        said = f"{workers} actors of Ray" if workers is not None else "an actor of Ray on each GPU"
        return Workers(lambda work: RayActors(work, workers=workers, tell=say), said, device)
    from dpg_bench.jobs.executors.devices import parse_devices
    from dpg_bench.jobs.executors.local import LocalProcesses

    names = parse_devices(devices if devices is not None else ",".join([device] * (workers or 1)))
    return Workers(lambda work: LocalProcesses(work, names), _places(names), names[0])


def _places(names: Sequence[str]) -> str:
    if len(set(names)) == 1 < len(names):
        return f"{len(names)} processes on {names[0]}"
    return f"a process on {'each of ' if len(names) > 1 else ''}{', '.join(names)}"


def find_scorers(answers: Path | None, asked: Division) -> Share | Workers | None:
    """`find_workers` of `score`; None for a process with nothing to do, since `answers` are scored by one alone."""
    who = find_workers(asked)
    if answers is None or not isinstance(who, Share) or who.shard is None or not who.shard.origin:
        return who
    if who.shard.index == 0:
        return Share(None, asked.device)
    say("Answers from elsewhere are scored by the first process alone; this one has nothing to do.")
    return None
