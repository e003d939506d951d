"""`dpgbench run` as a Python call, once it is planned: generate what is missing."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence

from dpg_bench.errors import UnavailableError
from dpg_bench.files.clearing import clear_run
from dpg_bench.files.durable import clear_parts
from dpg_bench.files.mirror import Mirror
from dpg_bench.files.run_folder import lock_alone
from dpg_bench.files.run_record import Status
from dpg_bench.generate.stage import GenerationOutcome, GenerationProgress, generate_images
from dpg_bench.hub.remarks import listening
from dpg_bench.jobs.begin import opened_record
from dpg_bench.jobs.run_plan import RunPlan
from dpg_bench.jobs.run_share import execute_share, gather_shards
from dpg_bench.jobs.shards import Shard, as_shard
from dpg_bench.provenance import utc_now


def execute_run(
    plan: RunPlan,
    *,
    shard: Shard | str | None = None,
    steal: bool = False,
    mirror: Mirror | None = None,
    command: Sequence[str] = (),
    progress: Callable[[GenerationProgress], None] | None = None,
) -> GenerationOutcome:
    """Generate what the plan says and is not there yet; `run.json` tells at every moment how far it is.

    `shard` ("0/4") is the share of the items that this process does of a run that several share, each of which calls
    this with a share of its own; with `steal` it then does what is left of shares that no process is at work on.
    `mirror` is where the run's folder lies for others, if that is behind a URL.
    `command` is what `run.json` says of how it was called: the command line's arguments, if there were any.

    Raises BadInputError if another process uses the folder or the weights are not those that the run began with,
    UnavailableError if a server that draws can't be reached, and DpgBenchError if the disk fills up.

    >>> import dpg_bench as dpg
    >>> from pathlib import Path
    >>> request = dpg.RunRequest(model="tiny-sd15", suite="sample", limit=1, steps=1, out=Path("runs/tiny"))
    >>> outcome = dpg.execute_run(dpg.plan_run(request))
    >>> len(list(Path("runs/tiny/images").iterdir()))
    1
    """
    if shard is not None:
        share = as_shard(shard)
        return execute_share(plan, share, steal=steal, command=command, progress=progress, mirror=mirror)
    run = plan.run
    with lock_alone(run.path), listening() as remarks:
        if progress is not None:
            progress(GenerationProgress(total=len(plan.items), done=0, kept=0, failed=0, stage="loading"))
        generator = plan.spec.load(plan.generator)
        if plan.request.fresh:
            clear_run(run, plan.suite.by_id)  # only now that the model is known to load
        clear_parts(run.path, run.images, run.single_images)
        record = opened_record(plan, generator, command=command)
        run.write_record(record)
        start = time.perf_counter()

        def finish(status: Status, failed: Iterable[str]) -> None:
            seconds = time.perf_counter() - start
            run.write_record(
                record.ended(status, finished=utc_now(), seconds=seconds, failed_items=failed, remarks=remarks.texts)
            )

        try:
            outcome = generate_images(
                generator,
                plan.items,
                run=run,
                model=plan.generator.model,
                fingerprint=record.fingerprint,
                batch_size=plan.batch_size,
                progress=progress,
            )
        except (KeyboardInterrupt, UnavailableError):
            finish("interrupted", ())
            raise
        gather_shards(run, plan.items, record.fingerprint)
        finish("incomplete" if outcome.failed else "complete", outcome.failed)
        return outcome
