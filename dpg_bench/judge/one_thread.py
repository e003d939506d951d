"""The toy judge on one thread: more of them only wait for each other, and round differently from machine to machine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dpg_bench.device import one_thread
from dpg_bench.judge.base import Judge
from dpg_bench.records import Reply

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image


@dataclass(frozen=True, slots=True)
class OneThread:
    """`judge` with torch held to a single CPU thread while it works."""

    judge: Judge

    @property
    def fingerprint(self) -> str:
        """The judge's own."""
        return self.judge.fingerprint

    @property
    def provenance(self) -> Mapping[str, Any]:
        """The judge's own."""
        return self.judge.provenance

    @property
    def preprocess(self) -> Callable[[Image.Image], NDArray[np.uint8]]:
        """The judge's own."""
        return self.judge.preprocess

    def answer(self, pixels: Sequence[NDArray[np.uint8]], questions: Sequence[Sequence[str]]) -> list[list[Reply]]:
        """The judge's answers."""
        with one_thread():
            return self.judge.answer(pixels, questions)
