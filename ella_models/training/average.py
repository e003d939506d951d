"""The moving average of the weights."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class MovingAverage:
    """An exponential moving average of a model's parameters, in float32.

    Its decay rises to `decay` as (1 + step) / (10 + step), so that the untrained start is soon forgotten.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self._decay = decay
        self._live = list(model.parameters())
        self._names = [name for name, _ in model.named_parameters()]
        self._average = [value.detach().clone() for value in self._live]

    @torch.no_grad()
    def update(self, step: int) -> None:
        """Take in the weights after a step (0-based)."""
        decay = min(self._decay, (1 + step) / (10 + step))
        torch._foreach_lerp_(self._average, [value.detach() for value in self._live], 1 - decay)

    @contextmanager
    def in_place(self) -> Iterator[None]:
        """Let the model have the average as its weights for the length of the block."""
        live = [value.detach().clone() for value in self._live]
        self._write(self._average)
        try:
            yield
        finally:
            self._write(live)

    def state(self) -> dict[str, Tensor]:
        """The average, by the parameters' names."""
        return dict(zip(self._names, self._average, strict=True))

    def load(self, state: dict[str, Tensor]) -> None:
        """Go on from a state."""
        for name, value in zip(self._names, self._average, strict=True):
            value.copy_(state[name])

    @torch.no_grad()
    def _write(self, values: list[Tensor]) -> None:
        for live, value in zip(self._live, values, strict=True):
            live.copy_(value)
