"""Workers as actors of a Ray cluster, one for each GPU.

Ray hands out and watches; what is done is known from the run folder, never from Ray, whose own checkpoints and retries
would lose or repeat items. So actors are never restarted by it (`max_restarts=0`, which is its default): a dead one is
replaced by a new one, wherever in the cluster there is room.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from dpg_bench.errors import BadInputError, DpgBenchError, option
from dpg_bench.jobs.executors.blocks import Broken, Died, Done, Event, OpenWork, Ready, Told, Work
from dpg_bench.jobs.executors.local import check_sendable, open_work, tried

_MOST_PLACES = 4096
_SECONDS_TO_END = 10.0


class RayActors:
    """A worker for each GPU of the cluster, or `workers` of them on CPUs. Implements `Engine`.

    The cluster is the one that `RAY_ADDRESS` names or that runs on this machine (`ray start`); without either, this
    process starts one of its own, which ends with it.
    """

    def __init__(self, work: Work, *, workers: int | None = None) -> None:
        """Raises BadInputError if Ray isn't installed or reached, or has no GPUs and nobody says how many workers."""
        check_sendable(work)
        self._ray = _ray()
        self._started_it = _connect(self._ray, workers)
        gpus = int(self._ray.cluster_resources().get("GPU", 0))
        if workers is None and gpus == 0:
            self._leave()
            raise BadInputError(
                f"The Ray cluster has no GPU. Say how many workers its CPUs shall run: {option('workers', 2)}."
            )
        self.places = min(workers or gpus, _MOST_PLACES)
        share = {"num_gpus": gpus / self.places if gpus < self.places else 1} if gpus else {"num_cpus": 1}
        self._actor = self._ray.remote(**share, max_restarts=0, max_task_retries=0)(_Actor)
        self._work = self._ray.put(work)
        self._actors: dict[str, Any] = {}
        self._waiting: dict[Any, tuple[str, bool]] = {}

    def start(self, name: str, place: int) -> None:
        """Start an actor, as soon as the cluster has room for it."""
        del place
        self._actors[name] = self._actor.remote()
        opened = self._actors[name].open.remote(self._work, name, str(Path.cwd()))
        self._waiting[opened] = (name, True)

    def give(self, name: str, items: Sequence[str]) -> None:
        """Hand a block over."""
        self._waiting[self._actors[name].do.remote(tuple(items))] = (name, False)

    def wait(self) -> list[Event]:
        """What actors say, and which have died: on their own, or with their node."""
        ready, _ = self._ray.wait(list(self._waiting), num_returns=1)
        return [self._event(reference, *self._waiting.pop(reference)) for reference in ready]

    def close(self) -> None:
        """End all actors; they let go of their folders first."""
        endings = [actor.end.remote() for actor in self._actors.values()]
        if endings and not self._waiting:
            self._ray.wait(endings, num_returns=len(endings), timeout=_SECONDS_TO_END)
        for actor in self._actors.values():
            self._ray.kill(actor)
        self._actors.clear()
        self._leave()

    def _event(self, reference: Any, name: str, opening: bool) -> Event:
        try:
            told = self._ray.get(reference)
        except self._ray.exceptions.RayActorError as error:
            self._actors.pop(name, None)
            return Died(name, _how(error))
        except self._ray.exceptions.RayError as error:
            return Broken(name, DpgBenchError(f"Ray: {error}"))
        if isinstance(told, Exception):
            return Broken(name, told)
        return Ready(name) if opening else Done(name, told)

    def _leave(self) -> None:
        if self._started_it:
            self._ray.shutdown()


class _Actor:
    """The life of an actor: it opens the work, then does what is handed to it."""

    def __init__(self) -> None:
        self._opened: list[OpenWork] = []  # one, once it is there

    def open(self, work: Work, name: str, folder: str) -> Exception | None:
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


def _ray() -> Any:
    try:
        return importlib.import_module("ray")
    except ModuleNotFoundError:
        raise BadInputError(
            "The engine 'ray' needs Ray, which isn't installed: `pip install 'dpg-bench[ray]'` on every machine of the "
            "cluster."
        ) from None


def _connect(ray: Any, workers: int | None) -> bool:
    """Join the cluster, or start one; whether one was started or joined here, and is to be left at the end."""
    if ray.is_initialized():
        return False
    quiet = {"log_to_driver": False, "configure_logging": False}
    try:
        ray.init(address=os.environ.get("RAY_ADDRESS") or "auto", **quiet)
    except ConnectionError as error:
        if os.environ.get("RAY_ADDRESS"):
            raise BadInputError(
                f"The Ray cluster at RAY_ADDRESS={os.environ['RAY_ADDRESS']} can't be reached: {error}"
            ) from None
        ray.init(address="local", num_cpus=workers, include_dashboard=False, **quiet)
    return True


def _how(error: Exception) -> str:
    """Of Ray's page about a death, what it says of the cause."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    told = [line for line in lines if "exit" in line.lower() or "killed" in line.lower() or "node" in line.lower()]
    return (told or lines or [type(error).__name__])[-1][:200]
