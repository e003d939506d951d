"""A share of a run: one of several processes that fill one run folder, and know of each other by it alone."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

from dpg_bench.errors import BadInputError, UnavailableError, option
from dpg_bench.files.clearing import clear_shards
from dpg_bench.files.durable import clear_parts, disk_errors
from dpg_bench.files.mirror import Mirror
from dpg_bench.files.run_folder import PATIENCE, RunDir, ShardDir, is_held, lock_folder, shards_in
from dpg_bench.files.run_record import RunRecord, Status
from dpg_bench.generate.base import Generator
from dpg_bench.generate.generation_log import ItemState, failed_items, gather_logs, item_states, logged_items
from dpg_bench.generate.plan import ItemPlan
from dpg_bench.generate.stage import GenerationOutcome, GenerationProgress, generate_images
from dpg_bench.hub.remarks import listening
from dpg_bench.jobs.begin import opened_record
from dpg_bench.jobs.run_plan import RunPlan, check_continues
from dpg_bench.jobs.shards import Shard, deal
from dpg_bench.provenance import utc_now

_IN_PASSING = 1.0  # seconds; of one that was told to end

Progress = Callable[[GenerationProgress], None]


def execute_share(
    plan: RunPlan,
    share: Shard,
    *,
    steal: bool,
    command: Sequence[str],
    progress: Progress | None,
    mirror: Mirror | None = None,
) -> GenerationOutcome:
    """`execute_run` for one share: what is missing of its items, then, with `steal`, of those that nobody is at.

    The last to finish makes the run's log of everyone's. Raises what `execute_run` raises.
    """
    run = plan.run
    refuse_fresh(plan.request.fresh, run.path)
    if mirror is not None:
        mirror.pull(images=deal([item.prompt.item_id for item in plan.items], share))
    own = run.shard(share.name)
    with lock_folder(own.path), listening() as remarks:
        if progress is not None:
            progress(GenerationProgress(total=len(plan.items), done=0, kept=0, failed=0, stage="loading"))
        generator = plan.spec.load(plan.generator)
        record = join_run(plan, generator, command=command)
        start = time.perf_counter()
        drawing = _Drawing(plan, generator, record.fingerprint, own, progress)
        try:
            drawing.draw(share)
            for other in share.others() if steal else ():
                if not is_held(run.shard(other.name).path):
                    with lock_folder(run.shard(other.name).path):
                        drawing.draw(other)
        except (KeyboardInterrupt, UnavailableError):
            settle_run(run, plan.items, seconds=time.perf_counter() - start, remarks=remarks.texts, interrupted=True)
            raise
        seconds = time.perf_counter() - start
        if mirror is not None:
            mirror.push()
            mirror.pull(images=False)
            if all_logged(run, plan.items, record.fingerprint):
                mirror.pull(images=True)  # who is the last looks at them all
        left = settle_run(run, plan.items, seconds=seconds, remarks=remarks.texts)
        return replace(drawing.outcome, left=left)


class _Drawing:
    """What one process makes of a run: share after share with one model, into one log."""

    def __init__(
        self, plan: RunPlan, generator: Generator, fingerprint: str, place: ShardDir, progress: Progress | None
    ) -> None:
        self._plan = plan
        self._generator = generator
        self._fingerprint = fingerprint
        self._place = place
        self._progress = progress
        self.outcome = GenerationOutcome((), (), {})

    def draw(self, share: Shard) -> None:
        chosen = deal([item.prompt.item_id for item in self._plan.items], share)
        before = self.outcome
        done = len(before.made) + len(before.kept) + len(before.failed)

        def progress(state: GenerationProgress) -> None:
            if self._progress is not None:
                kept, failed = len(before.kept) + state.kept, len(before.failed) + state.failed
                total, now = done + state.total, done + state.done
                self._progress(replace(state, total=total, done=now, kept=kept, failed=failed))

        now = generate_images(
            self._generator,
            [item for item in self._plan.items if item.prompt.item_id in chosen],
            run=self._plan.run,
            model=self._plan.generator.model,
            fingerprint=self._fingerprint,
            batch_size=self._plan.batch_size,
            shard=self._place,
            progress=progress,
        )
        self.outcome = GenerationOutcome(
            before.made + now.made, before.kept + now.kept, {**before.failed, **now.failed}
        )


def refuse_fresh(fresh: bool, folder: Path) -> None:
    """Raises BadInputError for several processes that would each start over, and so delete what the others made."""
    if fresh:
        raise BadInputError(
            f"{option('fresh', True)} would have every process delete what the others made. Delete {folder} first, "
            f"or choose another {option('out')}."
        )


def join_run(plan: RunPlan, generator: Generator, *, command: Sequence[str]) -> RunRecord:
    """The record of the run as whoever came first wrote it, or as it is written now.

    Raises BadInputError if it is about other settings, another suite or other weights, or a process that shares the run
    with nobody is at work.
    """
    run = plan.run
    with lock_folder(run.path, wait=PATIENCE):
        previous = run.read_record()
        if previous is not None:
            check_continues(plan, previous)
        record = opened_record(replace(plan, previous=previous), generator, command=command)
        if record != previous:
            run.write_record(record)
    return record


def settle_run(
    run: RunDir,
    items: Sequence[ItemPlan],
    *,
    seconds: float = 0.0,
    remarks: Sequence[str] = (),
    interrupted: bool = False,
) -> int:
    """Say in the run's record what this process did; if all `items` are done, make one log of everyone's.

    Returns how many items have still to be made. Raises DpgBenchError if something can't be written.
    """
    with ExitStack() as held:
        try:
            held.enter_context(lock_folder(run.path, wait=_IN_PASSING if interrupted else PATIENCE))
        except BadInputError:
            if interrupted:  # who was told to end waits for nobody
                return len(items)
            raise
        record = run.read_record()
        if record is None:
            raise BadInputError(f"{run.record_file} was deleted while the run was made. Run the same command again.")
        left = _left(run, items, record.fingerprint)
        failed = failed_items(run, record.fingerprint)
        status: Status = "incomplete" if failed else "complete"
        if left:
            others = any(is_held(shard.path) for shard in shards_in(run.shards))
            status = "interrupted" if interrupted and not others else "running"
        else:
            gather_shards(run, items, record.fingerprint)
        in_order = [item.prompt.item_id for item in items if item.prompt.item_id in failed]
        run.write_record(
            record.ended(status, finished=utc_now(), seconds=seconds, failed_items=in_order, remarks=remarks)
        )
        return left


def gather_shards(run: RunDir, items: Sequence[ItemPlan], fingerprint: str) -> None:
    """One log of everyone's, and away with the folders of those who have ended. For whoever holds the run's lock."""
    with disk_errors(run.path):
        if shards_in(run.shards):
            gather_logs(run, items, fingerprint)
        clear_shards(run.shards)
        if not shards_in(run.shards):
            clear_parts(run.path, run.images)


def all_logged(run: RunDir, items: Sequence[ItemPlan], fingerprint: str) -> bool:
    """Whether somebody says of every item that it is made or failed. Looks at no image."""
    logged = logged_items(run, fingerprint)
    return all(item.prompt.item_id in logged for item in items)


def _left(run: RunDir, items: Sequence[ItemPlan], fingerprint: str) -> int:
    """How many items nobody made. Images are looked at by the last one alone, who finds all of them logged."""
    logged = logged_items(run, fingerprint)
    left = sum(item.prompt.item_id not in logged for item in items)
    return left or sum(state is ItemState.NEW for state in item_states(run, items, fingerprint).values())
