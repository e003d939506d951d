"""What `run` is asked, and what it makes of that before anything is loaded."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dpg_bench.device import resolve_device, resolve_dtype
from dpg_bench.errors import BadInputError, DamagedError, check_positive, option, out_of_range
from dpg_bench.files.clearing import check_is_run
from dpg_bench.files.differences import first_difference
from dpg_bench.files.item_names import check_names, file_stem
from dpg_bench.files.run_folder import RUNS, RunDir
from dpg_bench.files.run_record import RunRecord
from dpg_bench.generate.base import GeneratorSettings, ModelSpec
from dpg_bench.generate.batching import CPU_BATCH, default_batch_size
from dpg_bench.generate.in_memory import LoadedModel, as_model_spec
from dpg_bench.generate.models.checks import check_numbers
from dpg_bench.generate.models.unet import compiled_batch
from dpg_bench.generate.plan import ItemPlan, plan_items
from dpg_bench.provenance import ELSEWHERE
from dpg_bench.records import Prompt, Suite
from dpg_bench.suite.registry import load_suite
from dpg_bench.suite.rewritten import Rewriting, read_rewriting
from dpg_bench.suite.selection import select_prompts

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a user asks of `run`; None and `auto` stand for "you choose".

    >>> import dpg_bench as dpg
    >>> dpg.RunRequest(model="ella-sd15", limit=8).images_per_prompt
    4
    """

    model: str | ModelSpec[Any] | LoadedModel
    """By name, or as an object: a spec of one's own, or something in memory that draws."""
    suite: str | Suite = "dpg-bench"
    out: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """By key, as text or as what the model's options hold."""
    images_per_prompt: int = 4
    seed: int = 0
    seeds: tuple[int, ...] | None = None
    steps: int | None = None
    guidance: float | None = None
    negative_prompt: str | None = None
    size: int | None = None
    prompts_from: Path | None = None
    """A file of `dpgbench rewrite`, whose texts are drawn in place of the suite's; the questions stay the suite's."""
    batch_size: int | None = None
    limit: int | None = None
    items: tuple[str, ...] | None = None
    device: str = "auto"
    dtype: str = "auto"
    fresh: bool = False
    strict: bool = False

    def __post_init__(self) -> None:
        """Take paths that are text, as people write them in notebooks."""
        for name in ("out", "prompts_from"):
            if isinstance(value := getattr(self, name), str):
                object.__setattr__(self, name, Path(value))


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A request with nothing left open: names resolved, values checked, no weights loaded, nothing written.

    `prompts` hold the texts that are drawn, which are those of the `rewriting` where there is one.
    """

    request: RunRequest
    spec: ModelSpec[Any]
    suite: Suite
    prompts: tuple[Prompt, ...]
    items: tuple[ItemPlan, ...]
    generator: GeneratorSettings[Any]
    run: RunDir
    batch_size: int
    previous: RunRecord | None
    rewriting: Rewriting | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """All that decides the pixels besides the prompts, as `run.json` holds it."""
        request = self.request
        return {
            "model": self.generator.model,
            "options": self.generator.options.recorded(),
            "size": self.generator.size,
            "steps": self.generator.steps,
            "guidance": self.generator.guidance,
            "dtype": self.generator.dtype,
            **({} if self.generator.negative_prompt is None else {"negative_prompt": self.generator.negative_prompt}),
            "images_per_prompt": request.images_per_prompt,
            "seed": None if request.seeds is not None else request.seed,
            "seeds": None if request.seeds is None else list(request.seeds),
            **({} if self.rewriting is None else {"prompts": self.rewriting.record}),
        }


def plan_run(request: RunRequest, *, outline: Suite | None = None) -> RunPlan:
    """Resolve and check `request`; loads the suite but no weights, and writes nothing into the run folder.

    `outline` stands in for a suite that is not downloaded yet and should not be: see `outline_suite`.

    Raises BadInputError for anything that can't work: unknown names and options, values out of range, a device
    that isn't there, a run folder made with other settings or by a newer version.

    >>> import dpg_bench as dpg
    >>> plan = dpg.plan_run(dpg.RunRequest(model="tiny-sd15", suite="sample", limit=2))
    >>> len(plan.prompts), plan.settings["steps"] > 0
    (2, True)
    """
    spec = as_model_spec(request.model)
    name = request.model if isinstance(request.model, str) else spec.name
    _check_numbers(request)
    device = _device(request, spec)
    options = dict(request.options)
    negative_prompt = _negative_prompt(request, spec, options.pop("negative_prompt", None))
    generator = GeneratorSettings(
        model=name,
        options=spec.options.read(spec.name, options),
        size=request.size if request.size is not None else spec.defaults.size,
        steps=request.steps if request.steps is not None else spec.defaults.steps,
        guidance=request.guidance if request.guidance is not None else spec.defaults.guidance,
        device=device,
        dtype=ELSEWHERE if spec.remote else resolve_dtype(request.dtype, device, gpu_default=spec.gpu_dtype),
        negative_prompt=negative_prompt,
    )
    check_numbers(generator)
    spec.validate(generator)
    chosen = outline if outline is not None else load_suite(request.suite, strict=request.strict)
    suite = chosen.whole or chosen
    prompts = select_prompts(chosen, limit=request.limit, items=request.items)
    check_names(prompt.item_id for prompt in prompts)
    rewriting = None if request.prompts_from is None else read_rewriting(request.prompts_from)
    if rewriting is not None and outline is None:
        prompts = rewriting.applied(prompts, str(request.prompts_from))
    run = RunDir(request.out if request.out is not None else RUNS / run_name(name, suite.name))
    _check_folder(run)
    if request.fresh:
        check_is_run(run)
    previous = None if request.fresh else _previous(run)
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
        rewriting=rewriting,
    )
    if previous is not None and outline is None:
        check_continues(plan, previous)
    return plan


def check_continues(plan: RunPlan, previous: RunRecord) -> None:
    """Raises BadInputError, with both values, if `plan` would not continue the `previous` run but change it.

    A run may grow, by another `limit` or other `items`, as long as it keeps all items it has.
    """
    advice = f"Choose another {option('out')}, or start over with {option('fresh', True)}."
    difference = first_difference(previous.settings, plan.settings)
    if difference:
        raise BadInputError(f"{plan.run.path} was made with other settings: {difference}. {advice}")
    if previous.suite.digest != plan.suite.digest:
        raise BadInputError(
            f"{plan.run.path} was made for another suite: '{previous.suite.name}' ({previous.suite.digest[:12]}), "
            f"now '{plan.suite.name}' ({plan.suite.digest[:12]}). {advice}"
        )
    before = set(previous.suite.items if previous.suite.items is not None else plan.suite.by_id)
    lost = before - {prompt.item_id for prompt in plan.prompts}
    if lost:
        raise BadInputError(
            f"{plan.run.path} was made for {len(before)} items, and {len(lost)} of them ('{min(lost)}' first) are not "
            f"among the {len(plan.prompts)} asked for now. A run can grow, not shrink. {advice}"
        )


def _check_numbers(request: RunRequest) -> None:
    check_positive(
        {"images per prompt": request.images_per_prompt, "batch size": request.batch_size, "limit": request.limit}
    )
    seeds = request.seeds if request.seeds is not None else (request.seed,)
    if request.seeds is not None and len(request.seeds) != request.images_per_prompt:
        raise BadInputError(
            f"{option('seeds')} lists {len(request.seeds)} seeds, but there are {request.images_per_prompt} images per "
            f"prompt. List one seed per image, or say {option('images_per_prompt', len(request.seeds))}."
        )
    for seed in seeds:
        if not 0 <= seed < 2**63:
            raise out_of_range("a seed", seed, "from 0 to 2^63 - 1")


def _device(request: RunRequest, spec: ModelSpec[Any]) -> str:
    if not spec.remote:
        return resolve_device(request.device)
    if (request.device, request.dtype) != ("auto", "auto"):
        raise BadInputError(
            f"{spec.name} draws elsewhere, so that {option('device')} and {option('dtype')} do nothing; leave them out."
        )
    return ELSEWHERE


def _negative_prompt(request: RunRequest, spec: ModelSpec[Any], also: Any) -> str | None:
    """The negative prompt, said by itself or among the options. Raises BadInputError if the model takes none."""
    if also is not None and request.negative_prompt is not None:
        raise BadInputError(f"The negative prompt is given twice, as '{request.negative_prompt}' and as '{also}'.")
    chosen = request.negative_prompt if also is None else str(also)
    if chosen is not None and not spec.takes_negative_prompt:
        raise BadInputError(f"{spec.name} takes no negative prompt; leave '{chosen}' out.")
    return chosen


def run_name(model: str, suite: str) -> str:
    """`ella-sd15-dpg-bench`; of a path or a hub name only the last part, without a server's address, made safe."""
    model = model.partition("@http")[0]
    parts = (name.rstrip("/").split("/")[-1].split(":")[-1].removesuffix(".csv") or "run" for name in (model, suite))
    return file_stem("-".join(parts))


def _batch_size(
    request: RunRequest, previous: RunRecord | None, spec: ModelSpec[Any], generator: GeneratorSettings[Any]
) -> int:
    if request.batch_size is not None:
        return request.batch_size
    if previous is not None:
        return int(previous.device.get("batch_size", CPU_BATCH))
    batch = default_batch_size(spec, generator)
    each = request.images_per_prompt
    return -(-batch // each) * each if spec.remote else batch  # whole items, since a request may be for several images


def _compiled_batch(
    previous: RunRecord | None, generator: GeneratorSettings[Any], batch_size: int, images: int
) -> int | None:
    """As decided when the run began: a run that goes on, or grows, rounds as it did."""
    if previous is not None:
        return previous.device.get("compiled_batch")
    return compiled_batch(generator, batch_size=batch_size, images=images)


def _previous(run: RunDir) -> RunRecord | None:
    """What `run.json` says; None if there is none, or it is damaged and the log says enough to go on without.

    Raises BadInputError if it can't be used and nothing else tells what was made.
    """
    try:
        return run.read_record()
    except DamagedError as error:
        if not any(log.exists() for log in run.generation_logs):
            raise
        _LOG.warning("Warning: %s It is written again for the images that the log has.", error)
        return None


def _check_folder(run: RunDir) -> None:
    if run.path.exists() and not run.path.is_dir():
        raise BadInputError(f"{option('out', run.path)} is a file; name a folder.")
    if run.record_file.exists() or any(log.exists() for log in run.generation_logs):
        return  # without the one, the others tell whether the images are this run's
    if run.source_file.exists() or run.judgements.is_dir():
        raise BadInputError(
            f"{run.path} holds results about images made elsewhere, which a run's would be mixed with. "
            f"Choose another {option('out')}."
        )
    if run.images.is_dir() and any(run.images.iterdir()):
        raise BadInputError(
            f"{run.images} holds images, but {run.record_file} is not there, so nobody knows how they were made. "
            f"Choose another {option('out')}; `dpgbench score` can judge those images as they are."
        )
