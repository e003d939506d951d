"""What `score` is asked, and what it makes of that before a judge is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from dpg_bench.device import resolve_device, resolve_dtype
from dpg_bench.errors import BadInputError, check_positive
from dpg_bench.files.images import ImageFolder, find_images
from dpg_bench.files.run_folder import RunDir, RunRecord, newest_run
from dpg_bench.generate.generation_log import failed_items
from dpg_bench.judge.ask import default_batch_size
from dpg_bench.judge.base import JudgeSettings, JudgeSpec
from dpg_bench.judge.imported.answers import ImportedAnswers, read_answers
from dpg_bench.judge.registry import find_judge
from dpg_bench.records import Prompt, Suite
from dpg_bench.suite.registry import load_suite
from dpg_bench.suite.selection import select_prompts

IMPORTED = "imported"
_SHOWN_EXTRA = 3


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """What a user asks of `score`; None and `auto` stand for "you choose"."""

    path: Path | None = None
    suite: str | Suite | None = None
    judge: str = "mplug"
    options: Mapping[str, Any] = field(default_factory=dict)
    answers: Path | None = None
    images_per_prompt: int | None = None
    resolution: int | None = None
    batch_size: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    allow_missing: bool = False
    out: Path | None = None
    fresh: bool = False
    strict: bool = False
    limit: int | None = None
    items: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Judging:
    """Images to be judged, and by whom."""

    spec: JudgeSpec[Any]
    settings: JudgeSettings[Any]
    images: ImageFolder
    batch_size: int


@dataclass(frozen=True, slots=True)
class ScorePlan:
    """A request with nothing left open: what is scored is either to be judged or was answered elsewhere.

    `folder` is where answers and scorecard go. `remarks` are what the user should know before it begins.
    """

    request: ScoreRequest
    suite: Suite
    prompts: tuple[Prompt, ...]
    record: RunRecord | None
    source: Judging | ImportedAnswers
    folder: Path
    failures: Mapping[str, str]
    remarks: tuple[str, ...]


def plan_score(request: ScoreRequest) -> ScorePlan:
    """Resolve and check `request`: reads the suite, the run's record and the names of the images, or the answers.

    Raises BadInputError for anything that can't work: no such folder, unknown names, a suite that is not the
    run's, answers that don't fit the suite.
    """
    check_positive(
        {
            "images per prompt": request.images_per_prompt,
            "resolution": request.resolution,
            "batch size": request.batch_size,
            "limit": request.limit,
        }
    )
    run = _run_folder(request)
    record = run.read_record() if run is not None else None
    named = _suite(request, run, record)
    suite = named.whole or named
    prompts = _prompts(request, named, run, record)
    images_per_prompt = _images_per_prompt(request, run, record)
    if request.answers is not None:
        source: Judging | ImportedAnswers = read_answers(request.answers, suite, images_per_prompt=images_per_prompt)
        remarks: tuple[str, ...] = ()
    else:
        source = _judging(request, run, record, prompts, images_per_prompt)
        remarks = _remarks(source, suite)
    return ScorePlan(
        request=request,
        suite=suite,
        prompts=prompts,
        record=record,
        source=source,
        folder=_output(request, run) / "judgements" / (IMPORTED if request.answers is not None else request.judge),
        failures=failed_items(run, record.fingerprint) if run is not None and record is not None else {},
        remarks=remarks,
    )


def _run_folder(request: ScoreRequest) -> RunDir | None:
    """The run that is meant; None for a plain folder of images, and for answers without one."""
    path = request.path
    if path is None:
        if request.answers is not None:
            return None
        newest = newest_run(Path("runs"))
        if newest is None:
            raise BadInputError(
                "There is no run under runs/ here. Make one with `dpgbench run`, or name a folder of images."
            )
        return newest
    if path.is_file():
        raise BadInputError(f"{path} is a file. Name a run folder or a folder of images; answers go to --answers.")
    if not path.is_dir():
        raise BadInputError(f"There is no folder {path}. Name a run folder or a folder of images.")
    for folder in (path, path.resolve().parent if path.name == "images" else path):
        if (folder / "run.json").exists():
            return RunDir(folder)
    return None


def _suite(request: ScoreRequest, run: RunDir | None, record: RunRecord | None) -> Suite:
    asked = request.suite if request.suite is not None else record.suite.name if record is not None else "dpg-bench"
    named = load_suite(asked, strict=request.strict)
    suite = named.whole or named
    if run is not None and record is not None and suite.digest != record.suite.digest:
        raise BadInputError(
            f"{run.path} was made for the suite '{record.suite.name}' with the digest {record.suite.digest[:12]}, but "
            f"'{suite.name}' now has {suite.digest[:12]}. Name the suite it was made for with --suite; to ask other "
            f"questions about its images, score {run.images} copied to a folder of its own."
        )
    return named


def _prompts(request: ScoreRequest, named: Suite, run: RunDir | None, record: RunRecord | None) -> tuple[Prompt, ...]:
    """What is to be scored: the run's own items, and of these the ones that the request chooses."""
    made = None if record is None or record.suite.items is None else set(record.suite.items)
    absent = [item for item in request.items or () if made is not None and item in named.by_id and item not in made]
    if run is not None and absent:
        raise BadInputError(f"{run.path} was made without the item '{absent[0]}'. Choose among its own items.")
    own = named if made is None else replace(named, prompts=tuple(p for p in named.prompts if p.item_id in made))
    return select_prompts(own, limit=request.limit, items=request.items)


def _images_per_prompt(request: ScoreRequest, run: RunDir | None, record: RunRecord | None) -> int | None:
    if run is None or record is None:
        return request.images_per_prompt
    made = int(record.settings["images_per_prompt"])
    if request.images_per_prompt not in (None, made):
        raise BadInputError(
            f"--images-per-prompt is {request.images_per_prompt}, but {run.path} was made with {made}. Leave it out."
        )
    return made


def _judging(
    request: ScoreRequest,
    run: RunDir | None,
    record: RunRecord | None,
    prompts: tuple[Prompt, ...],
    images_per_prompt: int | None,
) -> Judging:
    spec = find_judge(request.judge)
    device = resolve_device(request.device)
    dtype = resolve_dtype(request.dtype, device, gpu_default=spec.gpu_dtype, known=spec.dtypes)
    settings = JudgeSettings(
        judge=request.judge, options=spec.options.read(spec.name, request.options), device=device, dtype=dtype
    )
    spec.validate(settings)
    folder = run.images if run is not None else request.path
    assert folder is not None  # noqa: S101 - without a path, _run_folder has found a run or raised
    resolution = request.resolution if request.resolution is not None or record is None else record.settings.get("size")
    images = find_images(
        folder,
        [prompt.item_id for prompt in prompts],
        images_per_prompt=images_per_prompt,
        resolution=resolution,
    )
    return Judging(spec, settings, images, request.batch_size or default_batch_size(device))


def _remarks(judging: Judging, suite: Suite) -> tuple[str, ...]:
    images = judging.images
    remarks = []
    if images.assumed:
        remarks.append(
            f"Taking every grid in {images.path} to hold {images.images_per_prompt} images; "
            "say --images-per-prompt if that is wrong."
        )
    if images.extra:
        few = ", ".join(images.extra[:_SHOWN_EXTRA]) + (" …" if len(images.extra) > _SHOWN_EXTRA else "")
        remarks.append(f"{len(images.extra)} files in {images.path} belong to no item of {suite.name}: {few}")
    return tuple(remarks)


def _output(request: ScoreRequest, run: RunDir | None) -> Path:
    """The folder that gets `judgements/`: never the image folder itself."""
    if request.out is not None:
        out = request.out
    elif run is not None:
        out = run.path
    else:
        named = request.path if request.path is not None else request.answers
        assert named is not None  # noqa: S101 - without both, there is a run
        out = Path("runs") / (named.resolve().stem or "answers")
    if out.exists() and not out.is_dir():
        raise BadInputError(f"--out {out} is a file; name a folder.")
    images = run.images if run is not None else request.path
    if images is not None and out.resolve().is_relative_to(images.resolve()):
        raise BadInputError(
            f"The output folder {out} lies in the image folder {images}, which is never written to. "
            "Choose another with --out."
        )
    return out
