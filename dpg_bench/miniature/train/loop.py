"""A training loop that can be killed at any step: it goes on from its last saved state, on a CPU bit by bit the same.

Nothing random outlives a step: whatever a step draws, it draws from a seed that is made of the stage's and its number.
So processes beside the training can draw what the coming steps will be shown, and no weight depends on how many.
"""

from __future__ import annotations

import csv
import io
import math
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import write_atomic
from ella_models.training.stopping import StopRequest, stop_requests

_STATE = "state.pt"
_SAVE_SECONDS = 60.0
_AHEAD = 8
"""How many steps each process draws ahead."""


class Task(Protocol):
    """What is trained."""

    @property
    def trained(self) -> nn.Module:
        """The module whose parameters are trained."""
        ...

    @property
    def draw(self) -> Callable[[int], Any]:
        """Draws what a step, 0, 1, …, is shown; it depends on the step alone, and can be sent to another process."""
        ...

    def losses(self, shown: Any) -> Mapping[str, Tensor]:
        """The loss of a step under `loss`, and beside it what else the log shows.

        It depends on what is shown and on the weights alone; torch's global generator has been seeded for it.
        """
        ...


@dataclass(frozen=True, slots=True)
class Schedule:
    """How a stage is trained. The learning rate rises over `warmup` steps and falls as a cosine to a hundredth.

    What comes out is an average of the weights over about the last 1 / (1 - `average`) steps.
    """

    seed: int
    steps: int
    learning_rate: float
    warmup: int = 200
    weight_decay: float = 0.01
    average: float = 0.998
    log_every: int = 50

    def rate(self, step: int) -> float:
        """The learning rate of a step."""
        if step < self.warmup:
            return self.learning_rate * (step + 1) / self.warmup
        done = (step - self.warmup) / max(1, self.steps - self.warmup)
        return self.learning_rate * (0.01 + 0.99 * 0.5 * (1 + math.cos(math.pi * done)))


def train(task: Task, schedule: Schedule, folder: Path, *, until: int | None = None, workers: int = 0) -> bool:
    """Train to the schedule's end, or for this call to step `until`; true at the end. Then `trained` is the average.

    `workers` processes draw what the steps are shown; with 0 it is drawn between the steps. Ctrl-C and SIGTERM end it
    after the step that is being done, with its state saved. State and log (`log.csv`: step, seconds, loss, …) are in
    `folder`; the state is saved every minute. Raises BadInputError for a state that was begun with another schedule.
    """
    folder.mkdir(parents=True, exist_ok=True)
    state = _State.start(task.trained, schedule, folder)
    end = schedule.steps if until is None else min(until, schedule.steps)
    task.trained.train()
    with stop_requests() as stop:
        _steps(task, schedule, state, drawn(task.draw, range(state.step, end), workers=workers), stop)
    if state.step < schedule.steps:
        return False
    state.put_average()
    task.trained.eval()
    return True


def drawn(draw: Callable[[int], Any], numbers: range, *, workers: int) -> Iterator[Any]:
    """What `draw` gives for each of the numbers, in order, drawn by so many processes."""
    loader = DataLoader(
        _Drawn(draw, numbers),
        batch_size=None,
        num_workers=workers,
        prefetch_factor=_AHEAD if workers else None,
        multiprocessing_context="spawn" if workers else None,
        worker_init_fn=_in_worker,
    )
    return iter(loader)


class _Drawn(Dataset[Any]):
    def __init__(self, draw: Callable[[int], Any], numbers: range) -> None:
        self._draw = draw
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, place: int) -> Any:
        return self._draw(self._numbers[place])


def _in_worker(_: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the training ends its processes


def _steps(task: Task, schedule: Schedule, state: _State, shown: Iterator[Any], stop: StopRequest) -> None:
    begun = saved = time.monotonic()
    sums = state.sums
    stop.begin_steps()
    for seen in shown:
        torch.manual_seed(schedule.seed * 1_000_003 + state.step)
        for group in state.optimizer.param_groups:
            group["lr"] = schedule.rate(state.step)
        losses = task.losses(seen)
        torch.autograd.backward(losses["loss"])
        nn.utils.clip_grad_norm_(task.trained.parameters(), 1.0)
        state.optimizer.step()
        state.optimizer.zero_grad(set_to_none=True)
        state.advance()
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value.detach()  # where it was computed: nothing waits for it
        if state.step % schedule.log_every == 0:
            state.seconds += time.monotonic() - begun
            begun = time.monotonic()
            state.log({name: float(value) / schedule.log_every for name, value in sums.items()})
            sums.clear()
        if stop.asked:
            break
        if time.monotonic() - saved > _SAVE_SECONDS:
            state.seconds += time.monotonic() - begun
            state.save(task.trained)
            begun = saved = time.monotonic()
    state.seconds += time.monotonic() - begun
    state.save(task.trained)


def load_average(trained: nn.Module, folder: Path) -> None:
    """Put the averaged weights that a training has reached in `folder` into a module of the same make.

    Raises BadInputError if that one is of another make.
    """
    average = torch.load(folder / _STATE, weights_only=True, map_location="cpu")["average"]
    parameters = list(trained.parameters())
    if [value.shape for value in average] != [parameter.shape for parameter in parameters]:
        raise BadInputError(
            f"What was trained in {folder} isn't of the make that is trained today. Remove that folder, and what was "
            "made from it, or name another."
        )
    with torch.no_grad():
        for parameter, value in zip(parameters, average, strict=True):
            parameter.copy_(value)


class _State:
    """Weights, their average, the optimiser's state, the step, the rows of the log, and the sums of the next one."""

    def __init__(self, trained: nn.Module, schedule: Schedule, folder: Path) -> None:
        parameters: list[Tensor] = [weight for weight in trained.parameters() if weight.requires_grad]
        self.optimizer = torch.optim.AdamW(
            parameters, lr=schedule.learning_rate, weight_decay=schedule.weight_decay, fused=True
        )
        self.average = [parameter.detach().clone() for parameter in parameters]
        self.step = 0
        self.seconds = 0.0
        self.rows: list[dict[str, str]] = []
        self.sums: dict[str, float | Tensor] = {}
        self._parameters = parameters
        self._schedule = schedule
        self._folder = folder

    @classmethod
    def start(cls, trained: nn.Module, schedule: Schedule, folder: Path) -> _State:
        """The saved state of the folder, or a new one."""
        state = cls(trained, schedule, folder)
        saved = folder / _STATE
        if saved.is_file():
            content = torch.load(saved, weights_only=True, map_location=state.average[0].device)
            if content.get("schedule") != asdict(schedule):
                raise BadInputError(
                    f"The training in {folder} was begun with another schedule, and would be mixed with this one. "
                    "Remove that folder, or name another."
                )
            trained.load_state_dict(content["weights"])
            state.optimizer.load_state_dict(content["optimizer"])
            state.average = content["average"]
            state.step, state.seconds = content["step"], content["seconds"]
            state.rows, state.sums = content["rows"], content["sums"]
        return state

    def advance(self) -> None:
        """Count a step, and take the weights into the average."""
        self.step += 1
        decay = min(self._schedule.average, self.step / (self.step + 9))
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self._parameters, 1 - decay)

    def log(self, values: Mapping[str, float]) -> None:
        """Add a row to the log."""
        figures = {name: f"{value:.5g}" for name, value in values.items()}
        self.rows.append({"step": str(self.step), "seconds": f"{self.seconds:.0f}", **figures})
        write_atomic(self._folder / "log.csv", _csv(self.rows))

    def save(self, trained: nn.Module) -> None:
        """Write the state, whole or not at all."""
        content = io.BytesIO()
        torch.save(
            {
                "weights": trained.state_dict(),
                "optimizer": self.optimizer.state_dict(),
                "average": self.average,
                "schedule": asdict(self._schedule),
                "step": self.step,
                "seconds": self.seconds,
                "rows": self.rows,
                "sums": {name: float(value) for name, value in self.sums.items()},
            },
            content,
        )
        write_atomic(self._folder / _STATE, content.getvalue())

    def put_average(self) -> None:
        """Put the average in the place of the weights."""
        with torch.no_grad():
            for parameter, value in zip(self._parameters, self.average, strict=True):
                parameter.copy_(value)


def _csv(rows: Iterable[Mapping[str, str]]) -> bytes:
    rows = list(rows)
    file = io.StringIO(newline="")
    writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return file.getvalue().encode()
