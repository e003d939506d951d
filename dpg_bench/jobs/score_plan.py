"""What `score` makes of a request before a judge is loaded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dpg_bench.errors import BadInputError, Message, check_positive, option, out_of_range
from dpg_bench.files.image_names import IMAGE_SUFFIXES, holds_image
from dpg_bench.files.images import ImageFolder
from dpg_bench.files.run_folder import JudgementDir, RunDir
from dpg_bench.files.run_record import RunRecord
from dpg_bench.files.source_record import SourceRecord, place_from
from dpg_bench.files.survey import Survey, survey_assumption
from dpg_bench.generate.generation_log import failed_items
from dpg_bench.jobs.score_request import ScoreRequest
from dpg_bench.jobs.scored_place import Place, find_place
from dpg_bench.jobs.told_images import ToldImages
from dpg_bench.judge.ask import default_batch_size
from dpg_bench.judge.base import JudgeSettings, JudgeSpec, resolve_settings
from dpg_bench.judge.imported.answers import ImportedAnswers, read_answers
from dpg_bench.judge.in_memory import as_judge_spec
from dpg_bench.records import Prompt, Suite
from dpg_bench.score.scorecard import read_scorecard
from dpg_bench.suite.registry import load_suite
from dpg_bench.suite.rewritten import read_rewriting
from dpg_bench.suite.selection import select_prompts

IMPORTED = "imported"
_SHOWN_EXTRA = 3


@dataclass(frozen=True, slots=True)
class Judging:
    """Images to be judged, and by whom."""

    spec: JudgeSpec[Any]
    settings: JudgeSettings[Any]
    survey: Survey
    batch_size: int

    @property
    def images(self) -> ImageFolder:
        """The images, by item."""
        return self.survey.images


@dataclass(frozen=True, slots=True)
class ScorePlan:
    """A request with nothing left open: what is scored is either to be judged or was answered elsewhere.

    `run` is the run of ours whose images or answers these are, `record` its record; None for what was made elsewhere.
    `out` is where results go: the run, or another folder, whose `source.json` is to hold `origin`. `folder` is where
    answers and scorecard go. `remarks` are what the user should know before it begins.
    """

    request: ScoreRequest
    suite: Suite
    prompts: tuple[Prompt, ...]
    run: RunDir | None
    record: RunRecord | None
    out: RunDir
    origin: SourceRecord | None
    source: Judging | ImportedAnswers
    folder: JudgementDir
    failures: Mapping[str, str]
    remarks: tuple[Message, ...]

    @property
    def judging(self) -> Judging:
        """What is to be judged. Raises BadInputError for answers from elsewhere, which no two processes share."""
        if isinstance(self.source, Judging):
            return self.source
        raise BadInputError(
            f"Answers from elsewhere are scored by one process. Leave {option('shard')}, {option('devices')} and "
            f"{option('engine')} out."
        )

    @property
    def pending_gigabytes(self) -> float:
        """What of the judge's weights must be downloaded before it can begin."""
        return self.source.spec.pending(self.source.settings.options) if isinstance(self.source, Judging) else 0.0


def plan_score(request: ScoreRequest) -> ScorePlan:
    """Resolve and check `request`: reads the suite, the run's record and the names of the images, or the answers.

    Raises BadInputError for anything that can't work: no such folder, unknown names, a suite that is not the
    run's, answers that don't fit the suite, results about other images where these would go.

    >>> import dpg_bench as dpg
    >>> from pathlib import Path
    >>> plan = dpg.plan_score(dpg.ScoreRequest(answers=Path("demo.csv"), suite="suite.csv", out=Path("runs/demo")))
    >>> [prompt.item_id for prompt in plan.prompts]
    ['owl', 'fox']
    """
    check_positive(
        {
            "images per prompt": request.images_per_prompt,
            "resolution": request.resolution,
            "batch size": request.batch_size,
            "limit": request.limit,
        }
    )
    if request.border is not None and request.border < 0:
        raise out_of_range("border", request.border, "at least 0")
    place = find_place(request)
    if request.answers is None and place.images is not None and not holds_image(place.images):
        raise BadInputError(
            f"{place.images} holds no image ({', '.join(IMAGE_SUFFIXES)}). Name a run folder or a folder of images."
        )
    named = _suite(request, place)
    suite = named.whole or named
    record = place.record
    prompts = _prompts(request, named, place)
    images_per_prompt = _images_per_prompt(request, place)
    if request.answers is not None:
        source: Judging | ImportedAnswers = read_answers(
            request.answers, suite, images_per_prompt=images_per_prompt, where=request.where
        )
    else:
        source = _judging(request, place, suite, prompts, images_per_prompt)
    folder = place.out.judgement(IMPORTED if isinstance(source, ImportedAnswers) else source.spec.name)
    if not request.fresh:
        _check_keeps(folder, prompts)
    return ScorePlan(
        request=request,
        suite=suite,
        prompts=prompts,
        run=place.run,
        record=record,
        out=place.out,
        origin=None if place.run == place.out else _origin(request, place, suite, source),
        source=source,
        folder=folder,
        failures=failed_items(place.run, record.fingerprint) if place.run is not None and record is not None else {},
        remarks=tuple(map(Message, _remarks(request, place, source, suite))),
    )


def _suite(request: ScoreRequest, place: Place) -> Suite:
    record = place.record
    recorded = record.suite.name if record is not None else place.before.suite if place.before is not None else None
    named = load_suite(request.suite or recorded or "dpg-bench", strict=request.strict)
    suite = named.whole or named
    if record is not None and suite.digest != record.suite.digest:
        raise BadInputError(
            f"{place.run.path if place.run else place.out.path} was made for the suite '{record.suite.name}' with the "
            f"digest {record.suite.digest[:12]}, but '{suite.name}' now has {suite.digest[:12]}. Name the suite it was "
            f"made for with {option('suite')}; to ask other questions about its images, score {place.images} copied to "
            "a folder of its own."
        )
    return named


def _prompts(request: ScoreRequest, named: Suite, place: Place) -> tuple[Prompt, ...]:
    """What is to be scored: the run's own items, and of these the ones that the request chooses."""
    record = place.record
    made = None if record is None or record.suite.items is None else set(record.suite.items)
    absent = [item for item in request.items or () if made is not None and item in named.by_id and item not in made]
    if place.run is not None and absent:
        raise BadInputError(f"{place.run.path} was made without the item '{absent[0]}'. Choose among its own items.")
    own = named if made is None else replace(named, prompts=tuple(p for p in named.prompts if p.item_id in made))
    return select_prompts(own, limit=request.limit, items=request.items)


def _check_keeps(folder: JudgementDir, prompts: tuple[Prompt, ...]) -> None:
    """Raises BadInputError if the result of a part would replace that of more items than it is about."""
    try:
        before = read_scorecard(folder.scorecard)["corrected"]
    except BadInputError:  # there is none, or none that anybody could use
        return
    scored = set(before.items.item_id) if before.items is not None else set()
    items = scored | {item.item_id for item in before.excluded}
    lost = items - {prompt.item_id for prompt in prompts}
    if lost:
        raise BadInputError(
            f"{folder.scorecard} is about {len(items)} items, and a result of {len(prompts)} would replace it, without "
            f"'{min(lost)}'. Choose another folder: {option('out')}."
        )


def _images_per_prompt(request: ScoreRequest, place: Place) -> int | None:
    if place.record is None:
        recorded = place.before.images_per_prompt if place.before is not None else None
        return request.images_per_prompt if request.images_per_prompt is not None else recorded
    made = int(place.record.settings["images_per_prompt"])
    if request.images_per_prompt not in (None, made):
        raise BadInputError(
            f"{option('images_per_prompt')} is {request.images_per_prompt}, but {place.out.path} was made with {made}. "
            "Leave it out."
        )
    return made


def _is_guessed(request: ScoreRequest, place: Place) -> bool:
    """Whether nobody has ever said how many images there are of every prompt."""
    untold = request.images_per_prompt is None and place.record is None
    return untold and (place.before is None or place.before.guessed)


def _resolution(request: ScoreRequest, place: Place) -> int | None:
    if request.resolution is not None:
        return request.resolution
    if place.record is not None:
        size = place.record.settings.get("size")
        return size if isinstance(size, int) else None
    return place.before.resolution if place.before is not None else None


def _judging(
    request: ScoreRequest,
    place: Place,
    suite: Suite,
    prompts: tuple[Prompt, ...],
    images_per_prompt: int | None,
) -> Judging:
    spec = as_judge_spec(request.judge)
    settings = resolve_settings(spec, request.options, device=request.device, dtype=request.dtype)
    assert place.images is not None  # noqa: S101 - without images, there are answers
    survey = _told(request, place).survey(
        place.images,
        [prompt.item_id for prompt in prompts],
        known=frozenset(suite.by_id),
        images_per_prompt=images_per_prompt,
        guessed=_is_guessed(request, place),
        resolution=_resolution(request, place),
    )
    return Judging(spec, settings, survey, request.batch_size or default_batch_size(settings.device))


def _told(request: ScoreRequest, place: Place) -> ToldImages:
    now = ToldImages(grid=request.grid, border=request.border, pattern=request.pattern, files=request.files)
    return now.or_as_before(place.before, place.out.path)


def _origin(request: ScoreRequest, place: Place, suite: Suite, source: Judging | ImportedAnswers) -> SourceRecord:
    before = place.before
    read = source.images if isinstance(source, Judging) else source
    told = _told(request, place)
    return SourceRecord(
        images=place_from(place.out, place.images) if place.images is not None else before.images if before else None,
        suite=suite.name,
        images_per_prompt=read.images_per_prompt,
        guessed=isinstance(source, Judging) and _is_guessed(request, place),
        resolution=_resolution(request, place),
        grid=told.grid,
        border=told.border,
        pattern=told.pattern,
        files=place_from(place.out, told.files) if told.files is not None else None,
        model=_model(request, place),
        note=request.note if request.note is not None else before.note if before else None,
        prompts=_rewriting(request, suite) or (before.prompts if before else None),
    )


def _rewriting(request: ScoreRequest, suite: Suite) -> dict[str, Any] | None:
    if request.prompts_from is None:
        return None
    rewriting = read_rewriting(request.prompts_from)
    chosen = select_prompts(suite, limit=request.limit, items=request.items)
    rewriting.applied(chosen, str(request.prompts_from))  # that it is this suite's
    return rewriting.record


def _model(request: ScoreRequest, place: Place) -> str | None:
    if place.record is not None:
        return str(place.record.settings["model"])
    if request.model_name is not None:
        return request.model_name
    return place.before.model if place.before is not None else None


def _remarks(request: ScoreRequest, place: Place, source: Judging | ImportedAnswers, suite: Suite) -> Iterator[str]:
    if request.path is None and place.record is not None:
        record = place.record
        yield f"Scoring the newest run, {place.out.path}: {record.settings.get('model')} on {record.suite.name}."
    if isinstance(source, Judging) and source.spec.made_for not in (None, suite.name):
        own = source.spec.made_for
        yield f"{source.spec.name} was trained for the suite {own} alone: on {suite.name} its answers mean nothing."
    if isinstance(source, ImportedAnswers):
        if source.blank:
            yield f"{source.blank} answers in {request.answers} are empty: these are missing, and no noes."
        if source.unclear:
            few = ", ".join(dict.fromkeys(repr(text[:40]) for text in source.unclear[:_SHOWN_EXTRA]))
            count = len(source.unclear)
            what = "answer is" if count == 1 else "answers are"
            yield f"{count} {what} neither yes nor no in {request.answers} ({few}): missing, and no no."
        return
    images = source.images
    if images.assumed:
        yield (
            f"Taking every grid in {images.path} to hold {images.images_per_prompt} images; "
            f"say {option('images_per_prompt')} if that is wrong."
        )
    guesses = [guess for guess in images.guesses if guess != survey_assumption(images)]
    for guess in guesses:
        yield f"In {images.path}, {guess}"
    if guesses:
        ways = ", ".join(map(option, ("grid", "border", "pattern")))
        yield (
            f"To settle it, give {option('images_per_prompt', images.images_per_prompt)} or another number, {ways} or "
            f"{option('files')}."
        )
    if images.extra:
        few = ", ".join(images.extra[:_SHOWN_EXTRA]) + (" …" if len(images.extra) > _SHOWN_EXTRA else "")
        what = "file is" if len(images.extra) == 1 else "files are"
        yield f"{len(images.extra)} {what} no image that is judged of {suite.name}'s items in {images.path}: {few}"
