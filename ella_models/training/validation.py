"""The validation loss: the same pairs, noise and timesteps every time, so that its values can be compared."""

from __future__ import annotations

import accelerate
import torch
from torch import nn

from ella_models.training.examples import Examples
from ella_models.training.objective import Draws, Objective, draw


class Validation:
    """Pairs that are never trained on, each at the same evenly spaced timesteps."""

    def __init__(self, pairs: list[Examples], *, timesteps: int, seed: int, batch_size: int) -> None:
        self._timesteps, self._seed = timesteps, seed
        self._passes = [
            Examples(some.moments[start : start + batch_size], some.text[start : start + batch_size])
            for some in pairs
            for start in range(0, len(some), batch_size)
        ]

    def __bool__(self) -> bool:
        return bool(self._passes)

    @torch.no_grad()
    def loss(self, connector: nn.Module, objective: Objective, accelerator: accelerate.Accelerator) -> float:
        """The mean loss over all pairs and timesteps; processes share the passes."""
        total = torch.zeros(2, device=accelerator.device, dtype=torch.float64)
        for number, (examples, fixed) in enumerate(self._all(objective, accelerator.device)):
            if number % accelerator.num_processes == accelerator.process_index:
                with accelerator.autocast():
                    losses = objective.losses(connector, examples.to(accelerator.device), fixed)
                total += torch.stack([losses.double().sum(), torch.tensor(float(len(losses)), device=total.device)])
        whole = accelerator.reduce(total, reduction="sum")
        return float(whole[0] / whole[1])

    def _all(self, objective: Objective, device: torch.device) -> list[tuple[Examples, Draws]]:
        every = []
        for number, examples in enumerate(self._passes):
            count, channels, *sides = examples.moments.shape
            for k in range(self._timesteps):
                drawn = draw(
                    self._seed,
                    -1 - number * self._timesteps - k,
                    shape=(count, channels // 2, *sides),
                    timesteps=objective.timesteps,
                    caption_dropout=0,
                    device=device,
                )
                at = round((k + 0.5) * objective.timesteps / self._timesteps)
                fixed = Draws(drawn.posterior, drawn.noise, torch.full_like(drawn.timesteps, at), drawn.dropped)
                every.append((examples, fixed))
        return every
