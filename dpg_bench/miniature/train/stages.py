"""The stages of the miniature's training, in order. Each leaves its models in a folder of its own, and is then done."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError, unknown_name
from dpg_bench.files.durable import write_json
from dpg_bench.miniature.train.judge import SCHEDULE, JudgeTask
from dpg_bench.miniature.train.loop import train

_DONE = "done.json"


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage: `make` takes the folder of all stages and its own; it goes on where it was stopped.

    `needs` names the stages whose folders it reads.
    """

    name: str
    make: Callable[[Path, Path], None]
    needs: tuple[str, ...] = ()


def _judge(_: Path, own: Path) -> None:
    task = JudgeTask(own)
    train(task, SCHEDULE, own)
    task.export(own)


STAGES = (Stage("judge", _judge),)


def make_stages(out: Path, names: tuple[str, ...]) -> None:
    """Make the stages called `names`, or all, in folders of `out`; what is done is left as it is.

    Raises BadInputError for a name that no stage has, and for a stage whose predecessors aren't done.
    """
    known = {stage.name: stage for stage in STAGES}
    for name in names:
        if name not in known:
            raise unknown_name("stage", name, known)
    for stage in STAGES:
        done = out / stage.name / _DONE
        if (names and stage.name not in names) or done.is_file():
            continue
        for needed in stage.needs:
            if not (out / needed / _DONE).is_file():
                raise BadInputError(f"The stage '{stage.name}' needs '{needed}', which isn't done in {out}.")
        own = out / stage.name
        own.mkdir(parents=True, exist_ok=True)
        stage.make(out, own)
        write_json(done, {"stage": stage.name})
