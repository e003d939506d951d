"""Work on many things at once, fewer of them as soon as so many didn't fit into a device's memory."""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from typing import TypeVar

from dpg_bench.errors import panics_told

ThingT = TypeVar("ThingT")
ResultT = TypeVar("ResultT")

logger = logging.getLogger(__name__)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that a device's memory ran out. Imports no torch: who never did can't have got it."""
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(error, torch.OutOfMemoryError)


class Halving:
    """Does work on at most `largest` things at once; where these don't fit, on half as many from then on."""

    def __init__(self, largest: int) -> None:
        self._largest = largest

    def work(self, things: Sequence[ThingT], do: Callable[[Sequence[ThingT]], list[ResultT]]) -> list[ResultT]:
        """The results of `do`, one for each of the `things`, in order.

        Raises torch.OutOfMemoryError if even one doesn't fit, DpgBenchError for a panic, and whatever else `do` raises.
        """
        results: list[ResultT] = []
        while len(results) < len(things):
            part = things[len(results) : len(results) + self._largest]
            with panics_told():
                fitted = do(part) if len(part) == 1 else _unless_too_many(part, do)
            if fitted is not None:
                results += fitted
                continue
            self._largest = len(part) // 2
            logger.warning("Out of memory with %d images at once; going on with %d.", len(part), self._largest)
        return results


def _unless_too_many(part: Sequence[ThingT], do: Callable[[Sequence[ThingT]], list[ResultT]]) -> list[ResultT] | None:
    """What `do` gives, or None if memory ran out: the error is let go here, and with it what its frames hold."""
    try:
        return do(part)
    except Exception as error:
        if is_out_of_memory(error):
            return None
        raise
