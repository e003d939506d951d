"""The training loop: a connector in front of a frozen U-Net, through accelerate.

Source: ELLA, arXiv 2403.05135, section 4.1; its authors name IP-Adapter's loop with the optimiser on the connector.
"""

from __future__ import annotations

import importlib.util
import math
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import replace
from typing import Any

import accelerate
import torch
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType
from torch import Tensor

from ella_models.connector import EllaConnector
from ella_models.errors import EllaError
from ella_models.training.assembly import Assembled, assemble
from ella_models.training.average import MovingAverage
from ella_models.training.checkpoints import Checkpoints
from ella_models.training.config import OptimizerSection, TrainingConfig
from ella_models.training.examples import Batch
from ella_models.training.exclusive import alone_in
from ella_models.training.objective import draw
from ella_models.training.records import TrainingResult, TrainingStep
from ella_models.training.run_folder import RunFolder
from ella_models.training.stopping import StopRequest, stop_requests

Report = Callable[[TrainingStep], None]

_AUTOCAST = {"float32": "no", "bfloat16": "bf16", "float16": "fp16"}


def train(config: TrainingConfig, *, report: Report | None = None, fresh: bool = False) -> TrainingResult:
    """Train a connector, or go on with a run that was stopped, from its newest checkpoint.

    `report` is told of every step. Ctrl-C ends the run after the step that is being done, with a checkpoint. `fresh`
    deletes what an earlier run wrote into the output folder and starts anew. Under `accelerate launch` or `torchrun`
    every process calls this.

    Raises EllaError if a model or the data can't be used, another process is at work in the output folder, its run was
    told otherwise, memory runs out, or the loss is no longer a number.
    """
    with _accelerator(config) as accelerator, stop_requests() as stop, ExitStack() as held:
        folder = RunFolder(config.output)
        if accelerator.is_main_process:
            held.enter_context(alone_in(config.output))
        if fresh and accelerator.is_main_process:
            folder.clear()
        accelerator.wait_for_everyone()
        run = assemble(config, accelerator, folder)
        if accelerator.is_main_process:
            folder.begin(config, run.digests, accelerator.num_processes)
        accelerator.wait_for_everyone()
        try:
            return _Loop(config, accelerator, folder, run).go(stop, report)
        except torch.OutOfMemoryError as error:
            raise EllaError(
                f"Memory ran out with batch_size {config.batch_size}. Lower it and raise accumulate by as much, which "
                "changes nothing else; or set gradient_checkpointing, or precompute the data."
            ) from error


@contextmanager
def _accelerator(config: TrainingConfig) -> Iterator[accelerate.Accelerator]:
    for tracker in config.trackers:
        # accelerate goes on without a tracker that isn't installed
        if importlib.util.find_spec(tracker) is None:
            raise EllaError(f"The tracker '{tracker}' is not installed: pip install 'dpg-bench[{tracker}]'.")
    accelerator = accelerate.Accelerator(
        mixed_precision=_AUTOCAST[config.precision],
        cpu=config.device == "cpu",
        log_with=list(config.trackers) or None,
        project_dir=str(config.output),
    )
    try:
        if config.trackers:
            name = config.output.name
            accelerator.init_trackers(
                config.project,
                config=_flat(config.model_dump(mode="json")),
                init_kwargs={"wandb": {"name": name}, "trackio": {"name": name}, "mlflow": {"run_name": name}},
            )
        yield accelerator
    finally:
        if config.trackers:
            accelerator.end_training()
        # accelerate keeps the first run's precision for the whole process
        AcceleratorState._reset_state()  # noqa: SLF001


class _Loop:
    def __init__(
        self, config: TrainingConfig, accelerator: accelerate.Accelerator, folder: RunFolder, run: Assembled
    ) -> None:
        self._config, self._accelerator, self._folder, self._run = config, accelerator, folder, run
        decay = config.optimizer.ema_decay
        if accelerator.distributed_type == DistributedType.FSDP and (decay is not None or config.validation.prompts):
            raise EllaError("Under FSDP no process has all weights: leave ema_decay and validation.prompts out.")
        optimizer = adamw(list(run.connector.parameters()), config.optimizer)
        self._model, self._optimizer = accelerator.prepare(run.connector, optimizer)
        # after the connector has gone to the device, since the average lies where it does
        self._average = None if decay is None else MovingAverage(run.connector, decay)
        self._parameters = list(self._model.parameters())
        self._checkpoints = Checkpoints(config.output, accelerator, self._average)
        self._measure = _Measure(accelerator, config.batch_size * config.accumulate * accelerator.num_processes)

    def go(self, stop: StopRequest, report: Report | None) -> TrainingResult:
        config = self._config
        start = self._checkpoints.newest() or 0
        state = self._checkpoints.load(start) if start else None
        if self._accelerator.is_main_process:
            self._folder.rewind(start)
        self._accelerator.wait_for_everyone()
        if start >= config.steps:
            self._export()  # a process that was killed behind its last checkpoint left none, or that of the one before
            return self._result(start)
        batches = self._run.examples.batches(state)
        batch = None
        stop.begin_steps()
        for step in range(start, config.steps):
            with _compiling(config.compile and step == start):
                batch, loss, grad_norm = self._step(step, batches)
            done = step + 1
            self._measure.add(loss)
            stopping = self._stops(stop, done)
            last = stopping or done == config.steps
            validated = self._validate(done) if done % config.validation.every == 0 or done == config.steps else None
            line = TrainingStep(done, config.steps)
            if last or validated is not None or done % config.log_every == 0:
                line = self._log(done, grad_norm, validated)
            if last or done % config.checkpoint_every == 0:
                with self._measure.paused():
                    self._keep(done, batch)
            if report is not None:
                report(line)
            if stopping:
                break
        return replace(self._result(done), stopped_by=stop.number)

    def _step(self, step: int, batches: Iterator[Batch]) -> tuple[Batch, Tensor, Tensor | None]:
        config, accelerator = self._config, self._accelerator
        rate = learning_rate(config.optimizer, step)
        for group in self._optimizer.param_groups:
            group["lr"] = rate
        losses = []
        for part in range(config.accumulate):
            batch = next(batches)
            examples = batch.examples.to(accelerator.device)
            _, channels, *sides = examples.moments.shape
            draws = draw(
                config.seed,
                step,
                shape=(self._run.shape.pairs, channels // 2, *sides),
                timesteps=self._run.objective.timesteps,
                caption_dropout=config.loss.caption_dropout,
                device=accelerator.device,
            ).rows(self._run.shape.rows(part))
            waits = part < config.accumulate - 1
            with accelerator.no_sync(self._model) if waits else nullcontext(), accelerator.autocast():
                loss = self._run.objective.losses(self._model, examples, draws).mean() / config.accumulate
                accelerator.backward(loss)
            losses.append(loss.detach())
        limit = config.optimizer.max_grad_norm
        grad_norm = None if limit is None else accelerator.clip_grad_norm_(self._parameters, limit)
        self._optimizer.step()
        self._optimizer.zero_grad()
        if self._average is not None:
            self._average.update(step)
        return batch, torch.stack(losses).sum(), grad_norm

    def _stops(self, stop: StopRequest, done: int) -> bool:
        if self._accelerator.num_processes == 1:
            return stop.asked
        if done % self._config.log_every:
            return False
        # a signal reaches the processes at different moments; they must stop at the same step
        asked = torch.tensor(float(stop.asked), device=self._accelerator.device)
        return bool(self._accelerator.reduce(asked, reduction="sum") > 0)

    def _log(self, done: int, grad_norm: Tensor | None, validated: float | None) -> TrainingStep:
        loss, speed = self._measure.take()
        if not math.isfinite(loss):
            raise EllaError(
                f"The loss was {loss} at step {done}. Go on from the last checkpoint with a lower learning rate, a "
                "warm-up or another precision."
            )
        line = TrainingStep(
            done,
            self._config.steps,
            loss=loss,
            learning_rate=learning_rate(self._config.optimizer, done - 1),
            grad_norm=None if grad_norm is None else float(grad_norm),
            images_per_second=speed,
            validation_loss=validated,
        )
        if self._accelerator.is_main_process:
            numbers = self._folder.log(line)
            if self._config.trackers:
                self._accelerator.log({k: v for k, v in numbers.items() if k != "step"}, step=done)
        return line

    def _validate(self, done: int) -> float | None:
        with self._measure.paused(), self._averaged() as connector:
            connector.eval()
            loss = None
            if self._run.validation:
                loss = self._run.validation.loss(self._model, self._run.objective, self._accelerator)
            if self._run.samples is not None:
                self._run.samples.write(connector, self._folder.samples(done))
            connector.train()
        self._accelerator.wait_for_everyone()
        return loss

    def _keep(self, done: int, batch: Batch) -> None:
        self._checkpoints.save(done, batch.state, keep=self._config.keep_checkpoints)
        self._export()

    def _export(self) -> None:
        with self._averaged() as connector:
            weights = self._accelerator.get_state_dict(self._model)
            if self._accelerator.is_main_process:
                self._folder.export(connector, weights, self._config.export)
        self._accelerator.wait_for_everyone()

    @contextmanager
    def _averaged(self) -> Iterator[EllaConnector]:
        with nullcontext() if self._average is None else self._average.in_place():
            yield self._run.connector

    def _result(self, done: int) -> TrainingResult:
        return TrainingResult(
            connector=self._folder.connector,
            steps=done,
            finished=done >= self._config.steps,
            loss=self._folder.last("loss"),
            validation_loss=self._folder.last("validation_loss"),
            skipped=len(self._run.skipped),
        )


@contextmanager
def _compiling(really: bool) -> Iterator[None]:
    if not really:
        yield
        return
    from torch._dynamo.exc import TorchDynamoException

    try:
        yield
    except TorchDynamoException as error:
        first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)
        raise EllaError(f"The U-Net can't be compiled on this machine ({first}). Leave compile out.") from error


class _Measure:
    """Loss and speed since the last line of the log."""

    def __init__(self, accelerator: accelerate.Accelerator, images: int) -> None:
        self._accelerator, self._images = accelerator, images
        self._losses: list[Tensor] = []
        self._since, self._away = time.perf_counter(), 0.0

    def add(self, loss: Tensor) -> None:
        self._losses.append(loss)

    def take(self) -> tuple[float, float]:
        count = len(self._losses)
        mean = self._accelerator.reduce(torch.stack(self._losses).mean(), reduction="mean")
        loss = float(mean)
        now = time.perf_counter()
        speed = count * self._images / max(now - self._since - self._away, 1e-9)
        self._losses, self._since, self._away = [], now, 0.0
        return loss, speed

    @contextmanager
    def paused(self) -> Iterator[None]:
        started = time.perf_counter()
        yield
        self._away += time.perf_counter() - started


def adamw(parameters: list[torch.nn.Parameter], section: OptimizerSection) -> torch.optim.AdamW:
    """AdamW as the section says; its rate is set at every step."""
    return torch.optim.AdamW(
        parameters,
        lr=section.learning_rate,
        betas=section.betas,
        eps=section.epsilon,
        weight_decay=section.weight_decay,
        fused=True,
    )


def learning_rate(section: OptimizerSection, step: int) -> float:
    """The rate of a step (0-based): a linear warm-up, then constant."""
    return section.learning_rate * min(1.0, (step + 1) / (section.warmup_steps + 1))


def _flat(told: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in told.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{prefix}{name}.")
        else:
            flat[prefix + name] = value if isinstance(value, int | float | str | bool) else str(value)
    return flat
