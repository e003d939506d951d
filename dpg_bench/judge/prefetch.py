"""Tiles read ahead of the judge, in order and bounded in number, in worker processes or on one thread."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from functools import partial
from itertools import chain
from types import ModuleType

from dpg_bench.judge.tiles import ItemTiles, TileJob, read_tiles

_FEW_ITEMS = 64  # fewer are read before worker processes have started
_MOST_WORKERS = 16


def default_workers(items: int, device: str) -> int:
    """How many worker processes pay off: none on a CPU, which is busy judging, or for few items."""
    if device == "cpu" or items < _FEW_ITEMS:
        return 0
    return min(_MOST_WORKERS, os.cpu_count() or 1)


def read_ahead(jobs: Iterable[TileJob], *, workers: int, ahead: int) -> Generator[Future[ItemTiles], None, None]:
    """The finished or running futures of `jobs`, in order; a failed job is one whose `result()` raises.

    At most `ahead` (≥ 1) jobs beyond the one handed out are under way or done, whatever the number of jobs.
    `workers` 0: on a thread of this process; otherwise in that many processes, which know nothing of the program that
    started them. A judge that is defined in that program itself is therefore read for on a thread.
    """
    waiting: deque[Future[ItemTiles]] = deque()
    todo = iter(jobs)
    first = next(todo, None)
    if first is None:
        return
    executor = _executor(0 if _belongs_to_main(first.preprocess) else workers)
    try:
        for job in chain([first], todo):
            waiting.append(_submit(executor, job))
            if len(waiting) > ahead:
                yield waiting.popleft()
        while waiting:
            yield waiting.popleft()
    finally:
        for future in waiting:
            future.cancel()
        executor.shutdown(wait=True)


def _submit(executor: Executor, job: TileJob) -> Future[ItemTiles]:
    """A pool whose process died refuses new jobs; that too is told by the future."""
    try:
        with without_main():  # processes are started by need, as jobs come
            return executor.submit(read_tiles, job)
    except BrokenProcessPool as error:
        failed: Future[ItemTiles] = Future()
        failed.set_exception(error)
        return failed


def _executor(workers: int) -> Executor:
    if workers == 0:
        return ThreadPoolExecutor(1, thread_name_prefix="read-tiles")
    # Not fork: this process may hold a GPU and threads, which don't survive it.
    method = "forkserver" if "forkserver" in multiprocessing.get_all_start_methods() else "spawn"
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context(method), initializer=become_worker)


@contextmanager
def without_main() -> Iterator[None]:
    """Keeps new processes from importing the caller's main module, which may be a script that isn't meant for it."""
    main = sys.modules["__main__"]
    sys.modules["__main__"] = ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = main


def _belongs_to_main(preprocess: object) -> bool:
    while isinstance(preprocess, partial):
        preprocess = preprocess.func
    of_class = type(preprocess) if not hasattr(preprocess, "__qualname__") else preprocess
    return getattr(of_class, "__module__", None) == "__main__"


def become_worker() -> None:
    """Have this process end with the one that started it, and by that one's will alone."""
    # Ctrl-C reaches the whole process group; the main process alone decides what it means.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    # A worker waits for jobs for ever if the main process is killed, since nobody tells it.
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
