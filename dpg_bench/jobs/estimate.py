"""How long a run will take and what memory it wants, as far as that can be known before it."""

from __future__ import annotations

import statistics
from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import read_jsonl
from dpg_bench.files.run_folder import RUNS, RunDir, runs_in
from dpg_bench.jobs.run_plan import RunPlan

_DECISIVE = ("model", "options", "size", "steps", "guidance", "dtype")


@dataclass(frozen=True, slots=True)
class TimeEstimate:
    """Seconds that drawing will take, at the median pace of the run in `measured`, made here with equal settings."""

    seconds: float
    measured: Path


def estimate_time(plan: RunPlan) -> TimeEstimate | None:
    """From the newest run with the same settings on the same kind of device; None if there is none."""
    images = len(plan.items) * plan.request.images_per_prompt
    folders = {run.path: run for folder in (RUNS, plan.run.path.parent) for run in runs_in(folder)}
    for run in reversed(folders.values()):
        seconds = _seconds_per_image(run, plan)
        if seconds is not None:
            return TimeEstimate(seconds * images, run.path)
    return None


def estimate_memory(plan: RunPlan) -> int | None:
    """Bytes of the weights and of a batch, in the run's precision; None where a model's need is not known."""
    need = plan.spec.memory
    if need is None:
        return None
    each = 4 if plan.generator.dtype == "float32" else 2
    area = ((plan.generator.size or 512) / 512) ** 2
    return round(each * (need.parameters + plan.batch_size * need.values_per_image * area))


def _seconds_per_image(run: RunDir, plan: RunPlan) -> float | None:
    try:
        record = run.read_record()
        if record is None or record.device.get("device") != plan.generator.device:
            return None
        if any(record.settings.get(name) != plan.settings.get(name) for name in _DECISIVE):
            return None
        lines = [line for line in read_jsonl(run.generation_log) if line.get("fingerprint") == record.fingerprint]
        taken = [line["seconds"] / len(line["seeds"]) for line in lines if "seconds" in line and line.get("seeds")]
    except (BadInputError, TypeError, OSError):
        return None  # a run that is damaged tells nothing, and is none of this command's business
    return statistics.median(taken) if taken else None
