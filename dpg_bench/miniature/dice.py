"""Random choices that come out the same on every Python: they use nothing of `random.Random` but `random()`."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from typing import TypeVar

_T = TypeVar("_T")


class Dice:
    """Choices drawn from a seed, which may be any text; equal seeds give equal choices."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed).random  # noqa: S311 - drawings, no secrets

    def chance(self, probability: float) -> bool:
        """True with this probability."""
        return self._random() < probability

    def between(self, low: float, high: float) -> float:
        """A number from `low` to `high`, evenly."""
        return low + (high - low) * self._random()

    def choice(self, options: Sequence[_T]) -> _T:
        """One of `options`, all alike. Raises IndexError if there are none."""
        return options[int(self._random() * len(options))]

    def weighted(self, weights: Mapping[_T, float]) -> _T:
        """One of the keys, each as likely as its weight says."""
        left = self._random() * sum(weights.values())
        *others, last = weights
        for option in others:
            left -= weights[option]
            if left < 0:
                return option
        return last

    def shuffled(self, options: Sequence[_T]) -> list[_T]:
        """All of `options` in random order."""
        left = list(options)
        return [left.pop(int(self._random() * len(left))) for _ in range(len(left))]
