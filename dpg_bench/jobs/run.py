"""`dpgbench run` as a Python call: resolve and check everything first, then generate."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from dpg_bench.device import resolve_device, resolve_dtype
from dpg_bench.errors import BadInputError, check_positive, out_of_range
from dpg_bench.files.item_names import check_names, file_stem
from dpg_bench.files.run_folder import RunDir, RunRecord, lock_folder
from dpg_bench.generate.base import GeneratorSettings, ModelSpec
from dpg_bench.generate.batching import CPU_BATCH, default_batch_size
from dpg_bench.generate.models.checks import check_numbers
from dpg_bench.generate.models.unet import compiled_batch
from dpg_bench.generate.plan import plan_items
from dpg_bench.generate.registry import find_model
from dpg_bench.generate.stage import GenerationOutcome, GenerationProgress, generate_images
from dpg_bench.jobs.begin import begin_record, check_continues, first_difference
from dpg_bench.jobs.run_plan import RunPlan, RunRequest
from dpg_bench.provenance import utc_now
from dpg_bench.records import Suite
from dpg_bench.suite.registry import load_suite
from dpg_bench.suite.selection import select_prompts


def plan_run(request: RunRequest, *, outline: Suite | None = None) -> RunPlan:
    """Resolve and check `request`; loads the suite but no weights, and writes nothing into the run folder.

    `outline` stands in for a suite that is not downloaded yet and should not be: see `outline_suite`.

    Raises BadInputError for anything that can't work: unknown names and options, values out of range, a device
    that isn't there, a run folder made with other settings or by a newer version.
    """
    spec = find_model(request.model)
    _check_numbers(request)
    device = resolve_device(request.device)
    generator = GeneratorSettings(
        model=request.model,
        options=spec.options.read(spec.name, request.options),
        size=request.size if request.size is not None else spec.defaults.size,
        steps=request.steps if request.steps is not None else spec.defaults.steps,
        guidance=request.guidance if request.guidance is not None else spec.defaults.guidance,
        device=device,
        dtype=resolve_dtype(request.dtype, device, gpu_default=spec.gpu_dtype),
    )
    check_numbers(generator)
    spec.validate(generator)
    chosen = outline if outline is not None else load_suite(request.suite, strict=request.strict)
    suite = chosen.whole or chosen
    prompts = select_prompts(chosen, limit=request.limit, items=request.items)
    check_names(prompt.item_id for prompt in prompts)
    run = RunDir(request.out if request.out is not None else Path("runs") / _run_name(request.model, suite.name))
    _check_folder(run)
    previous = None if request.fresh else run.read_record()
    batch_size = _batch_size(request, previous, spec, generator)
    images = len(prompts) * request.images_per_prompt
    plan = RunPlan(
        request=request,
        spec=spec,
        suite=suite,
        prompts=prompts,
        items=plan_items(prompts, request.images_per_prompt, seed=request.seed, seeds=request.seeds),
        generator=replace(generator, compiled_batch=_compiled_batch(previous, generator, batch_size, images)),
        run=run,
        batch_size=batch_size,
        previous=previous,
    )
    if previous is not None and outline is None:
        check_continues(plan, previous)
    return plan


def execute_run(plan: RunPlan, *, progress: Callable[[GenerationProgress], None] | None = None) -> GenerationOutcome:
    """Generate what the plan says and is not there yet; `run.json` tells at every moment how far it is.

    Raises BadInputError if another process uses the folder or the weights are not those that the run began with,
    and DpgBenchError if the disk fills up.
    """
    run = plan.run
    with lock_folder(run.path):
        generator = plan.spec.load(plan.generator)
        if plan.request.fresh:
            _clear(run)  # only now that the model is known to load
        record = begin_record(plan, generator.provenance)
        if plan.previous is not None and plan.previous.fingerprint != record.fingerprint:
            changed = first_difference(plan.previous.generator, record.generator)
            raise BadInputError(f"{run.path} was made with another model: {changed}. Choose another --out, or --fresh.")
        run.write_record(record)
        start = time.perf_counter()

        def finish(status: Any, failed: Mapping[str, str]) -> None:
            seconds = record.seconds + time.perf_counter() - start
            changes = {"status": status, "finished": utc_now(), "seconds": round(seconds, 3), "failed_items": [*failed]}
            run.write_record(record.model_copy(update=changes))

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
        except KeyboardInterrupt:
            finish("interrupted", {})
            raise
        finish("incomplete" if outcome.failed else "complete", outcome.failed)
        return outcome


def _check_numbers(request: RunRequest) -> None:
    check_positive(
        {"images per prompt": request.images_per_prompt, "batch size": request.batch_size, "limit": request.limit}
    )
    seeds = request.seeds if request.seeds is not None else (request.seed,)
    if request.seeds is not None and len(request.seeds) != request.images_per_prompt:
        raise BadInputError(
            f"--seeds lists {len(request.seeds)} seeds, but there are {request.images_per_prompt} images per prompt. "
            f"List one seed per image, or say --images-per-prompt {len(request.seeds)}."
        )
    for seed in seeds:
        if not 0 <= seed < 2**63:
            raise out_of_range("a seed", seed, "from 0 to 2^63 - 1")


def _run_name(model: str, suite: str) -> str:
    """`ella-sd15-dpg-bench`; of a path or a hub name only the last part, made safe."""
    parts = (name.rstrip("/").split("/")[-1].split(":")[-1].removesuffix(".csv") or "run" for name in (model, suite))
    return file_stem("-".join(parts))


def _batch_size(
    request: RunRequest, previous: RunRecord | None, spec: ModelSpec[Any], generator: GeneratorSettings[Any]
) -> int:
    if request.batch_size is not None:
        return request.batch_size
    if previous is not None:
        return int(previous.device.get("batch_size", CPU_BATCH))
    return default_batch_size(spec, generator)


def _compiled_batch(
    previous: RunRecord | None, generator: GeneratorSettings[Any], batch_size: int, images: int
) -> int | None:
    """As decided when the run began: a run that goes on, or grows, rounds as it did."""
    if previous is not None:
        return previous.device.get("compiled_batch")
    return compiled_batch(generator, batch_size=batch_size, images=images)


def _check_folder(run: RunDir) -> None:
    if run.path.exists() and not run.path.is_dir():
        raise BadInputError(f"--out {run.path} is a file; name a folder.")
    if run.images.is_dir() and not run.record_file.exists() and any(run.images.iterdir()):
        raise BadInputError(
            f"{run.images} holds images, but {run.record_file} is not there, so nobody knows how they were made. "
            "Choose another --out; `dpgbench score` can judge those images as they are."
        )


def _clear(run: RunDir) -> None:
    """Remove what earlier runs left in the folder, and nothing that is not a run's."""
    for folder in (run.images, run.path / "judgements"):
        if folder.is_dir():
            shutil.rmtree(folder)
    for file in (run.generation_log, run.record_file):
        file.unlink(missing_ok=True)
