"""What `dpgbench run --dry-run` prints: everything that would be done, and nothing done."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from dpg_bench.cli.console import duration
from dpg_bench.files.grid import grid_columns, grid_rows
from dpg_bench.jobs.estimate import estimate_memory, estimate_time
from dpg_bench.suite.registry import pending_download

if TYPE_CHECKING:
    from dpg_bench.jobs.run_plan import RunPlan
    from dpg_bench.suite.rewritten import Rewriting


def plan_text(plan: RunPlan) -> str:
    """The plan as lines of `name: value`."""
    request, settings = plan.request, plan.generator
    images = len(plan.items) * request.images_per_prompt
    whole = len(plan.suite.prompts)
    questions = sum(len(item.prompt.questions) for item in plan.items)
    seeds = f"listed: {','.join(map(str, request.seeds))}" if request.seeds else f"derived from {request.seed}"
    own = f"the {'server' if plan.spec.remote else 'pipeline'}'s own"
    pending = pending_download(request.suite)
    downloads = [*([pending] if pending else []), *map(str, plan.spec.still_to_download(settings.options))]
    rows = {
        "model": f"{settings.model} ({plan.spec.summary})",
        "options": ", ".join(f"{key}={value}" for key, value in settings.options.recorded().items()) or "defaults",
        "suite": f"{plan.suite.name} ({plan.suite.source})",
        **({} if plan.rewriting is None else {"prompts": _rewritten(plan.rewriting)}),
        "items": f"{len(plan.items)}" + (f" of {whole}" if len(plan.items) < whole else ""),
        "images": f"{images} ({request.images_per_prompt} per prompt), seeds {seeds}",
        "questions": "known once the suite is downloaded"
        if pending and not questions
        else f"{questions * request.images_per_prompt} to answer ({questions} for one image of every prompt)",
        "size": f"{settings.size} px" if settings.size else own,
        "steps": f"{settings.steps or own}",
        "guidance": f"{own if settings.guidance is None else settings.guidance}",
        **({"negative prompt": settings.negative_prompt} if settings.negative_prompt is not None else {}),
        "device": f"a server, {plan.batch_size} images at once"
        if plan.spec.remote
        else f"{settings.device}, {settings.dtype}, batches of {plan.batch_size} images",
        "memory": _memory(plan),
        "time": _time(plan),
        "downloads": "; ".join(downloads) or "none",
        "run folder": f"{plan.run.path} ({'continues' if plan.previous else 'new'})",
        "disk": _disk(plan),
    }
    width = max(map(len, rows))
    lines = [f"{name:<{width}}  {value}" for name, value in rows.items()]
    return "\n".join([*lines, "Nothing was written. Run the same command without --dry-run to do it."])


def _rewritten(rewriting: Rewriting) -> str:
    record = rewriting.record
    return f"rewritten by {record['rewritten_by']}, recipe {record['recipe']}, digest {record['digest'][:12]}"


def _memory(plan: RunPlan) -> str:
    wanted = estimate_memory(plan)
    if wanted is None:
        return "not known before the model is loaded"
    return f"at most about {wanted / 1e9:.1f} GB, weights and a batch of {plan.batch_size}"


def _time(plan: RunPlan) -> str:
    estimate = estimate_time(plan)
    if estimate is None:
        return "not known: no run with these settings was made here yet (--limit 1 makes one quickly)"
    return f"about {duration(estimate.seconds)} of drawing, at the pace of {estimate.measured}"


def _disk(plan: RunPlan) -> str:
    folder = plan.run.path.absolute()
    while not folder.is_dir():
        folder = folder.parent
    free = f"{_gigabytes(shutil.disk_usage(folder).free)} free in {_shown(folder)}"
    if plan.generator.size is None:
        return free
    count = plan.request.images_per_prompt
    pixels = plan.generator.size**2 * grid_columns(count) * grid_rows(count)
    return f"at most {_gigabytes(len(plan.items) * pixels * 3)} of images (uncompressed), {free}"


def _shown(folder: Path) -> str:
    return "." if folder == Path.cwd() else str(folder)


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.2f} GB"
