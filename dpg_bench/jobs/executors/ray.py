"""Workers as actors of a Ray cluster, one for each GPU.

Ray hands out and watches; what is done is known from the run folder, never from Ray, whose own checkpoints and retries
would lose or repeat items. So actors are never restarted by it (`max_restarts=0`, which is its default): a dead one is
replaced by a new one, wherever in the cluster there is room.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

from dpg_bench import __version__
from dpg_bench.errors import BadInputError, DpgBenchError, option
from dpg_bench.jobs.executors.blocks import Broken, Died, Done, Event, OpenWork, Ready, Told, Work
from dpg_bench.jobs.executors.cluster import Cluster
from dpg_bench.jobs.executors.local import check_sendable, open_work, tried

_MOST_PLACES = 4096
_SECONDS_TO_END = 10.0
_SECONDS_BETWEEN_ASKING = 0.02
"""Within Ray's own waiting, a scheduler's SIGTERM would come out as Ctrl-C."""
_SECONDS_BETWEEN_LOOKS = 5.0
_SECONDS_UNTIL_TOLD = 20.0

_Stage: TypeAlias = Literal["placed", "opened", "done"]


class RayActors:
    """A worker for each GPU of the cluster, or `workers` of them on CPUs. Implements `Engine`.

    Nodes that join later are used too: they are given the workers that had no room yet, or where nobody said how many
    there shall be, more of them.
    """

    def __init__(
        self,
        work: Work,
        *,
        workers: int | None = None,
        tell: Callable[[str], None] = lambda _: None,
        patience: float = 600.0,
    ) -> None:
        """`tell` hears what the user should know meanwhile; no node at all is waited for `patience` seconds.

        Raises BadInputError if Ray isn't installed or reached, or has no GPUs and nobody says how many workers.
        """
        check_sendable(work)
        self._cluster = Cluster(workers)
        self._ray = self._cluster.ray
        gpus = self._cluster.gpus()
        if workers is None and gpus == 0:
            self._cluster.leave()
            raise BadInputError(
                f"The Ray cluster has no GPU. Say how many workers its CPUs shall run: {option('workers', 2)}."
            )
        self._grows = workers is None
        self.places = min(workers or gpus, _MOST_PLACES)
        much = gpus / self.places if 0 < gpus < self.places else 1
        self._share = {"GPU" if gpus else "CPU": much}
        resources = {"num_gpus": much} if gpus else {"num_cpus": much}
        self._actor = self._ray.remote(**resources, max_restarts=0, max_task_retries=0)(_Actor)
        self._work = self._ray.put(work)
        self._actors: dict[str, Any] = {}
        self._waiting: dict[Any, tuple[str, _Stage]] = {}
        self._tell = tell
        self._patience = patience
        self._placed: set[str] = set()
        self._looked = self._had_some = self._had_room = time.monotonic()
        self._told = False

    def start(self, name: str, place: int) -> None:
        """Start an actor, as soon as the cluster has room for it."""
        del place
        actor = self._actors[name] = self._actor.remote()
        self._waiting[actor.here.remote()] = (name, "placed")
        self._waiting[actor.open.remote(self._work, name, str(Path.cwd()), __version__)] = (name, "opened")

    def give(self, name: str, items: Sequence[str]) -> None:
        """Hand a block over."""
        self._waiting[self._actors[name].do.remote(tuple(items))] = (name, "done")

    def wait(self) -> list[Event]:
        """What actors say, and which have died: on their own, or with their node. None if the cluster has grown.

        Raises DpgBenchError if its head can't be reached any more, or no node was there for a worker for long.
        """
        while not self._look():
            ready, _ = self._ray.wait(list(self._waiting), num_returns=len(self._waiting), timeout=0)
            heard = [self._event(reference, *self._waiting.pop(reference)) for reference in ready]
            events = [event for event in heard if event is not None]
            if events:
                return events
            time.sleep(_SECONDS_BETWEEN_ASKING)
        return []

    def close(self) -> None:
        """End all actors; they let go of their folders first."""
        endings = [actor.end.remote() for actor in self._actors.values()]
        if endings and not self._waiting:
            self._ray.wait(endings, num_returns=len(endings), timeout=_SECONDS_TO_END)
        for actor in self._actors.values():
            self._ray.kill(actor)
        self._actors.clear()
        self._cluster.leave()

    def _event(self, reference: Any, name: str, stage: _Stage) -> Event | None:
        if name not in self._actors:  # told already
            return None
        try:
            told = self._ray.get(reference)
        except self._ray.exceptions.RayActorError as error:
            self._actors.pop(name)
            self._placed.discard(name)
            return Died(name, _how(error))
        except self._ray.exceptions.RayError as error:
            return Broken(name, DpgBenchError(f"Ray: {error}"))
        if isinstance(told, Exception):
            return Broken(name, told)
        if stage == "placed":
            self._placed.add(name)
            return None
        return Ready(name) if stage == "opened" else Done(name, told)

    def _look(self) -> bool:
        """See now and then how the cluster is; whether it has grown."""
        now = time.monotonic()
        if now - self._looked < _SECONDS_BETWEEN_LOOKS:
            return False
        self._looked = now
        if not self._cluster.head_answers():
            return False
        possible = bool(self._placed) or self._cluster.could_hold(self._share)
        if possible:
            self._had_some = now
        if self._placed:
            self._had_room = now
        self._complain(possible, now)
        if self._grows and (gpus := min(self._cluster.gpus(), _MOST_PLACES)) > self.places:
            self.places = gpus
            return True
        return False

    def _complain(self, possible: bool, now: float) -> None:
        ((kind, much),) = self._share.items()
        wanted = f"{much:g} {kind}"
        if now - self._had_some > self._patience:
            raise DpgBenchError(
                f"For {self._patience:.0f} seconds no node of the Ray cluster has had the {wanted} that a worker "
                "takes. What was finished is kept. Start a node that has it (`ray start`), and run the same command "
                "again to continue."
            )
        if now - self._had_room > _SECONDS_UNTIL_TOLD and not self._told:
            why = "all of them are at other work" if possible else "no node has"
            self._tell(f"No worker runs: each takes {wanted} of the Ray cluster, and {why}. Waiting for room …")
            self._told = True
        elif self._placed:
            self._told = False


class _Actor:
    """The life of an actor: it opens the work, then does what is handed to it."""

    def __init__(self) -> None:
        self._opened: list[OpenWork] = []  # one, once it is there

    def here(self) -> None:
        """Answered as soon as the actor has its place."""

    def open(self, work: Work, name: str, folder: str, version: str) -> Exception | None:
        if version != __version__:
            return BadInputError(
                f"A node of the Ray cluster has dpg-bench {__version__}, and this command is of {version}. Install the "
                "same on every machine."
            )
        opened = tried(partial(open_work, work, name, "auto" if self._has_gpu() else "cpu", folder))
        if isinstance(opened, Exception):
            return opened
        self._opened.append(opened)
        return None

    def do(self, items: Sequence[str]) -> Told | Exception:
        (opened,) = self._opened
        return tried(partial(opened.do, items))

    def end(self) -> None:
        for opened in self._opened:
            opened.close()

    @staticmethod
    def _has_gpu() -> bool:
        return bool(os.environ.get("CUDA_VISIBLE_DEVICES"))


def _how(error: Exception) -> str:
    """Of Ray's page about a death, what it says of the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "exit" in line.lower() or "killed" in line.lower() or "node" in line.lower()]
    return (told or lines or [type(error).__name__])[-1][:200]
