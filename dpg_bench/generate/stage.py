"""The stage that fills `images/`: batches to the generator, grids to disk, one line per item to the log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Literal

from dpg_bench.files.durable import JsonlLog, disk_errors
from dpg_bench.files.run_folder import RunDir, ShardDir
from dpg_bench.generate.base import Generator, ImageRequest
from dpg_bench.generate.batching import ItemMaker
from dpg_bench.generate.generation_log import FailedItem, FinishedItem, ItemState, item_states
from dpg_bench.generate.grid_writer import GridWriter
from dpg_bench.generate.plan import ItemPlan, plan_batches


@dataclass(frozen=True, slots=True)
class GenerationProgress:
    """How far a run is: items `done` of `total`; of these, `kept` were done before and `failed` could not be made.

    `stage` is what happens just now: the model is loaded, images are drawn, or the last of them are written.
    """

    total: int
    done: int
    kept: int
    failed: int
    stage: Literal["loading", "drawing", "writing"] = "drawing"


@dataclass(frozen=True, slots=True)
class GenerationOutcome:
    """How a run ended: item ids made now, those found finished, and for those that failed what happened.

    `left` are how many items of the run other processes have still to make, where several share it.
    """

    made: tuple[str, ...]
    kept: tuple[str, ...]
    failed: dict[str, str]
    left: int = 0


def generate_images(
    generator: Generator,
    items: Sequence[ItemPlan],
    *,
    run: RunDir,
    model: str,
    fingerprint: str,
    batch_size: int,
    shard: ShardDir | None = None,
    states: dict[str, ItemState] | None = None,
    progress: Callable[[GenerationProgress], None] | None = None,
) -> GenerationOutcome:
    """Make what is missing of `items`, write it and log it item by item: to the log of `shard`, else to the run's.

    `states` say what is missing, by item id, where the caller knows.

    An item that fails is logged with its traceback and the run goes on. A batch that doesn't fit into memory is
    halved, and so are those after it. Interrupted or not, an item that is logged as made has its file on disk.
    Raises DpgBenchError if the disk fills up, UnavailableError if a server that draws is gone; what was logged by then
    is kept.
    """
    states = states if states is not None else item_states(run, items, fingerprint)
    kept = tuple(item_id for item_id, state in states.items() if state is ItemState.DONE)
    maker = ItemMaker(generator, states, batch_size=batch_size)
    made: list[str] = []
    failed: dict[str, str] = {}
    keep_in: Callable[[Path], None] | None = getattr(generator, "keep_in", None)
    forget: Callable[[Sequence[ImageRequest]], None] | None = getattr(generator, "forget", None)
    if keep_in is not None:
        keep_in(run.single_images)

    with (
        disk_errors(run.path),
        JsonlLog((shard or run).generation_log) as log,
        GridWriter(run, model=model, fingerprint=fingerprint) as writer,
    ):

        def record(
            entries: Iterable[FinishedItem | FailedItem], *, stage: Literal["drawing", "writing"] = "drawing"
        ) -> None:
            for entry in entries:
                log.append(entry.line(fingerprint))
                if isinstance(entry, FailedItem):
                    failed[entry.item.prompt.item_id] = entry.error
                else:
                    made.append(entry.item.prompt.item_id)
                    if forget is not None:
                        forget([ImageRequest(entry.item.prompt.text, seed) for seed in entry.item.seeds])
            done = len(kept) + len(made) + len(failed)
            if progress is not None:
                progress(
                    GenerationProgress(total=len(items), done=done, kept=len(kept), failed=len(failed), stage=stage)
                )

        record([])
        try:
            for batch in plan_batches(items, batch_size):
                for entry in maker.make(batch):
                    record(chain(writer.drain(), [entry]) if isinstance(entry, FailedItem) else writer.write(entry))
        finally:
            record([], stage="writing")
            record(writer.drain(), stage="writing")
            with suppress(OSError):  # not there, or images wait in it
                run.single_images.rmdir()
    return GenerationOutcome(made=tuple(made), kept=kept, failed=failed)
