"""What a person sees while it goes: progress on a terminal, a line of plain text now and then elsewhere."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from ella_models.training.config import TrainingConfig
from ella_models.training.console import say
from ella_models.training.records import TrainingStep


@contextmanager
def training_display(config: TrainingConfig) -> Iterator[Callable[[TrainingStep], None]]:
    """Show a training run: steps, loss, images a second, time left."""
    if os.environ.get("RANK", "0") != "0":
        yield lambda _: None
        return
    console = Console(stderr=True)
    if not console.is_terminal:
        yield _print_line
        return
    columns = (BarColumn(), MofNCompleteColumn(), TextColumn("{task.description}"), TimeRemainingColumn())
    with Progress(*columns, console=console) as progress:
        task = progress.add_task("starting", total=config.steps)

        def show(step: TrainingStep) -> None:
            progress.update(task, completed=step.step)
            if step.loss is not None:
                progress.update(task, description=_said(step))

        yield show


@contextmanager
def counting_display(noun: str) -> Iterator[Callable[[int], None]]:
    """Show how many of a number that isn't known are done."""
    console = Console(stderr=True)
    if os.environ.get("RANK", "0") != "0" or not console.is_terminal:
        yield lambda _: None
        return
    with Progress(TextColumn("{task.completed} " + noun), console=console) as progress:
        task = progress.add_task(noun, total=None)
        yield lambda done: progress.update(task, completed=done)


def _print_line(step: TrainingStep) -> None:
    if step.loss is not None:
        say(f"step {step.step}/{step.steps}  {_said(step)}")


def _said(step: TrainingStep) -> str:
    validation = "" if step.validation_loss is None else f"  validation {step.validation_loss:.4f}"
    return f"loss {step.loss:.4f}{validation}  {step.images_per_second:.1f} images/s"
