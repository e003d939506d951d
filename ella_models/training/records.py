"""What a training run tells while it goes, and at its end."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class TrainingStep:
    """A step that is done: `step` of `steps`; the numbers are `None` between the lines of the log.

    `loss` is the mean since the last line, `grad_norm` the last step's before clipping, `images_per_second` over all
    processes, without validation and checkpoints; `validation_loss` is there at the steps that are validated.
    """

    step: int
    steps: int
    loss: float | None = None
    learning_rate: float | None = None
    grad_norm: float | None = None
    images_per_second: float | None = None
    validation_loss: float | None = None


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """Where a run stands when it ends.

    `connector` is the trained connector's file in the released format; `finished` is false if the run was stopped,
    `stopped_by` the number of the signal that asked for it, in the process that was asked; `loss` is the last logged
    one, `validation_loss` the last measured; `skipped` counts the pairs left out.
    """

    connector: Path
    steps: int
    finished: bool
    loss: float | None
    validation_loss: float | None
    skipped: int
    stopped_by: int | None = None
