"""A run handed out in blocks: what a worker does, and what hands out."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.clearing import clear_run
from dpg_bench.files.durable import JsonlLog, disk_errors
from dpg_bench.files.run_folder import RunDir, ShardDir, is_held, lock_alone, lock_folder
from dpg_bench.files.run_record import RunRecord
from dpg_bench.generate.base import Generator
from dpg_bench.generate.generation_log import FailedItem, ItemState, failed_items, item_states, logged_items
from dpg_bench.generate.stage import GenerationOutcome, GenerationProgress, generate_images
from dpg_bench.hub.remarks import listening
from dpg_bench.jobs.executors.blocks import Engine, HandedOut, Told, Work, hand_out
from dpg_bench.jobs.executors.fetching import fetch_once
from dpg_bench.jobs.run_plan import RunPlan, RunRequest, plan_run
from dpg_bench.jobs.run_share import Progress, join_run, settle_run

DRIVER = "driver"
"""The folder of who hands out, among those of the workers."""


@dataclass(frozen=True, slots=True)
class GenerationWork:
    """What is sent to a worker: the request, from which it makes its own plan. Implements `Work`."""

    request: RunRequest
    command: tuple[str, ...]

    def open(self, name: str, device: str) -> OpenGeneration:
        """Load the model onto `device`. Raises BadInputError for another model than the run was begun with."""
        plan = plan_run(replace(self.request, device=device, fresh=False))
        own = plan.run.shard(name)
        with ExitStack() as held:
            held.enter_context(lock_folder(own.path))
            spec, options = plan.spec, plan.generator.options
            if spec.pending is not None:
                fetch_once(lambda: bool(spec.still_to_download(options)), lambda: spec.fetch(options))
            generator = spec.load(plan.generator)
            record = join_run(plan, generator, command=self.command)
            return OpenGeneration(plan, generator, record, own, held.pop_all())


class OpenGeneration:
    """A worker's model, and its folder, which it holds. Implements `OpenWork`."""

    def __init__(self, plan: RunPlan, generator: Generator, record: RunRecord, own: ShardDir, held: ExitStack) -> None:
        self._plan = plan
        self._items = {item.prompt.item_id: item for item in plan.items}
        self._generator = generator
        self._record = record
        self._own = own
        self._held = held

    def do(self, items: Sequence[str]) -> Told:
        """Make the items, which nobody has made."""
        with listening(tell=False) as remarks:
            outcome = generate_images(
                self._generator,
                [self._items[item_id] for item_id in items],
                run=self._plan.run,
                model=self._plan.generator.model,
                fingerprint=self._record.fingerprint,
                batch_size=self._plan.batch_size,
                shard=self._own,
                states=dict.fromkeys(items, ItemState.NEW),
            )
        return Told(outcome.failed, tuple(remarks.texts))

    def close(self) -> None:
        """Let go of the folder."""
        self._held.close()


def execute_run_on(
    plan: RunPlan, start: Callable[[Work], Engine], *, command: Sequence[str] = (), progress: Progress | None = None
) -> GenerationOutcome:
    """`execute_run` by workers that `start` makes ready for the work that it is given.

    Raises BadInputError if another process uses the folder or the work can't be sent to workers, and whatever a worker
    met that concerns all of it.
    """
    run = plan.run
    work = GenerationWork(plan.request, tuple(command))
    items = {item.prompt.item_id: item for item in plan.items}
    driver = run.shard(DRIVER)
    if plan.request.fresh:
        with lock_alone(run.path):
            clear_run(run, plan.suite.by_id)
    with lock_folder(driver.path):
        refuse_held(run)
        previous = plan.previous
        states = item_states(run, plan.items, previous.fingerprint) if previous is not None else {}
        kept = [item_id for item_id in items if states.get(item_id) is ItemState.DONE]
        failed_before = [item_id for item_id in items if states.get(item_id) is ItemState.FAILED]
        todo = [item_id for item_id in items if states.get(item_id, ItemState.NEW) is ItemState.NEW]
        done = len(kept)

        def report(now: Sequence[str], failed: int) -> None:
            nonlocal done
            done += len(now)
            if progress is not None:
                state = GenerationProgress(total=len(items), done=done, kept=len(kept), failed=failed)
                progress(state if done > len(kept) else replace(state, stage="loading"))

        def give_up(item_id: str, reason: str) -> None:
            record = run.read_record()
            fingerprint = record.fingerprint if record is not None else ""
            with disk_errors(driver.path), JsonlLog(driver.generation_log) as log:
                log.append(FailedItem(items[item_id], reason, "").line(fingerprint))

        report([], 0)
        began = time.perf_counter()
        interrupted = True
        handed: HandedOut | None = None
        try:
            if todo or failed_before:
                handed = hand_out(
                    start(work),
                    todo,
                    alone=failed_before,
                    multiple=max(1, plan.batch_size // plan.request.images_per_prompt),
                    unfinished=lambda block: _unfinished(run, block),
                    give_up=give_up,
                    name=worker_name,
                    progress=report,
                )
            interrupted = False
        finally:
            left = 0
            if run.record_file.exists():
                remarks = handed.remarks if handed is not None else ()
                seconds = time.perf_counter() - began
                left = settle_run(run, plan.items, seconds=seconds, remarks=remarks, interrupted=interrupted)
        record = run.read_record()
        failed = failed_items(run, record.fingerprint) if record is not None else {}
        reasons = {item_id: reason.removeprefix("generation failed: ") for item_id, reason in failed.items()}
        made = tuple(item_id for item_id in (*todo, *failed_before) if item_id not in failed)
        return GenerationOutcome(made, tuple(kept), {key: reasons[key] for key in items if key in reasons}, left)


def worker_name(number: int) -> str:
    """Of the folder of the n-th worker: new for every one, since those of others stay until all is done."""
    return f"worker-{number}-{secrets.token_hex(3)}"


def refuse_held(run: RunDir) -> None:
    """Raises BadInputError if a process that shares the run with nobody is at work."""
    if is_held(run.path):
        raise BadInputError(
            f"{run.path} is in use by another process. Wait until it ends, or choose another folder with "
            f"{option('out')}."
        )


def _unfinished(run: RunDir, block: Sequence[str]) -> list[str]:
    record = run.read_record()
    logged = logged_items(run, record.fingerprint) if record is not None else set()
    return [item_id for item_id in block if item_id not in logged]
