"""Questions to the judge, so many images a call; a call that doesn't fit into memory is halved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dpg_bench.errors import DpgBenchError, option
from dpg_bench.halving import Halving, is_out_of_memory
from dpg_bench.judge.base import Judge
from dpg_bench.records import Reply


class JudgeTooLargeError(DpgBenchError):
    """Not even one image fits into memory."""


@dataclass(frozen=True, slots=True)
class Tile:
    """One preprocessed image, uint8 (height, width, 3), and what is to be asked about it."""

    pixels: NDArray[np.uint8]
    questions: tuple[str, ...]


def default_batch_size(device: str) -> int:
    """How many images the judge sees at once if nobody says."""
    return 4 if device == "cpu" else 32


class Asker:
    """Asks a judge, at most `batch_size` images a call, fewer once that many did not fit into memory."""

    def __init__(self, judge: Judge, batch_size: int) -> None:
        self._judge = judge
        self._halving = Halving(batch_size)

    def ask(self, tiles: Sequence[Tile]) -> list[list[Reply]]:
        """The replies to each tile's questions, in order.

        Raises JudgeTooLargeError if a single image doesn't fit, ValueError if the judge doesn't answer every
        question with a `Reply`, and whatever else the judge raises.
        """
        try:
            return self._halving.work(tiles, self._answer)
        except Exception as error:
            if not is_out_of_memory(error):
                raise
        raise JudgeTooLargeError(
            "The judge ran out of memory with a single image. Free memory on the device, or choose another device or a "
            f"smaller precision ({option('device')}, {option('dtype')}), and run the same command again to continue."
        )

    def _answer(self, tiles: Sequence[Tile]) -> list[list[Reply]]:
        answers = self._judge.answer([tile.pixels for tile in tiles], [tile.questions for tile in tiles])
        asked, given = [len(tile.questions) for tile in tiles], [len(replies) for replies in answers]
        if asked != given or not all(isinstance(reply, Reply) for replies in answers for reply in replies):
            raise ValueError(
                f"the judge was asked {asked} questions about {len(tiles)} images and gave {given} answers"
            )
        return answers
