"""The validation loss: the same pairs, noise and timesteps every time, so that its values can be compared."""

from __future__ import annotations

from collections.abc import Iterator

import accelerate
import torch
from torch import nn

from ella_models.training.examples import Examples
from ella_models.training.objective import Draws, Objective, draw


class Validation:
    """Pairs that are never trained on, each at the same evenly spaced timesteps."""

    def __init__(self, groups: list[Examples], *, timesteps: int, seed: int, batch_size: int) -> None:
        self.groups = groups
        self._timesteps, self._seed, self._batch_size = timesteps, seed, batch_size

    def __bool__(self) -> bool:
        return bool(self.groups)

    @torch.no_grad()
    def loss(self, connector: nn.Module, objective: Objective, accelerator: accelerate.Accelerator) -> float:
        """The mean loss over all pairs and timesteps; processes share the passes."""
        total = torch.zeros(2, device=accelerator.device, dtype=torch.float64)
        for number, (examples, fixed) in enumerate(self._passes(objective, accelerator.device)):
            if number % accelerator.num_processes == accelerator.process_index:
                with accelerator.autocast():
                    losses = objective.losses(connector, examples.to(accelerator.device), fixed)
                total += torch.stack([losses.double().sum(), torch.tensor(float(len(losses)), device=total.device)])
        whole = accelerator.reduce(total, reduction="sum")
        return float(whole[0] / whole[1])

    def _passes(self, objective: Objective, device: torch.device) -> Iterator[tuple[Examples, Draws]]:
        for number, group in enumerate(self.groups):
            count, channels, *sides = group.moments.shape
            for k in range(self._timesteps):
                drawn = draw(
                    self._seed,
                    -1 - number * self._timesteps - k,
                    shape=(count, channels // 2, *sides),
                    timesteps=objective.timesteps,
                    caption_dropout=0,
                    device=device,
                )
                at = min(round((k + 0.5) * objective.timesteps / self._timesteps), objective.timesteps - 1)
                fixed = Draws(drawn.posterior, drawn.noise, torch.full_like(drawn.timesteps, at), drawn.dropped)
                for start in range(0, count, self._batch_size):
                    rows = slice(start, start + self._batch_size)
                    yield Examples(group.moments[rows], group.text[rows]), fixed.rows(rows)
