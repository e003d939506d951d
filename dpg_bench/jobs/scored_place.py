"""Where what is to be scored lies: a run, results about images made elsewhere, or a folder of images."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.run_folder import RUNS, RunDir, run_around, runs_in
from dpg_bench.files.run_record import RunRecord
from dpg_bench.files.source_record import (
    SourceRecord,
    check_same_source,
    images_of,
    other_results,
    read_source,
)
from dpg_bench.jobs.score_request import ScoreRequest

_SHOWN_EXTRA = 3


@dataclass(frozen=True, slots=True)
class Place:
    """What was found of what is to be scored: where results go, where images are, what is recorded of them.

    `record` is a run's; `before` what `source.json` says in a folder of results about images made elsewhere.
    """

    out: RunDir
    images: Path | None
    run: RunDir | None
    record: RunRecord | None
    before: SourceRecord | None


def find_place(request: ScoreRequest) -> Place:
    """What the request's path stands for: a run, results of one, or images made elsewhere.

    Raises BadInputError if there is no such thing, or results would lie where others do.
    """
    path = request.path
    if path is None and request.answers is not None:
        return _elsewhere(request, None, RUNS / (request.answers.resolve().stem or "answers"))
    if path is None:
        newest = runs_in(RUNS)[-1:]
        if not newest:
            raise BadInputError(
                f"There is no run under {RUNS}/ here. Make one with `dpgbench run`, or name a folder of images."
            )
        return _ours(request, newest[0], newest[0].path)
    if path.is_file():
        raise BadInputError(
            f"{path} is a file. Name a run folder or a folder of images; answers go to {option('answers')}."
        )
    if not path.is_dir():
        raise BadInputError(f"There is no folder {path}. Name a run folder or a folder of images.")
    run = run_around(path)
    if run is not None:
        return _ours(request, run, run.path)
    results = RunDir(path)
    if any(log.exists() for log in results.generation_logs) and results.images.is_dir():
        raise BadInputError(
            f"{results.record_file} is not there, so nobody knows what the run in {path} was asked. The command that "
            f"began it writes it again; to judge its images as they are, name {results.images}."
        )
    if results.source_file.exists() or results.judgements.is_dir():
        images = images_of(results)
        if images is None and request.answers is None:
            raise BadInputError(
                f"{path} holds results about images that aren't where they were. Name the folder of images, with "
                f"{option('out', path)}."
            )
        source_run = run_around(images) if images is not None else None
        return _ours(request, source_run, path) if source_run is not None else _elsewhere(request, images, path)
    inner = runs_in(path)
    if inner and request.answers is None:
        names = ", ".join(str(one.path) for one in inner[-_SHOWN_EXTRA:])
        raise BadInputError(f"{path} is a folder of runs. Name one of them: {names}{' …' if len(inner) > 3 else ''}.")
    return _elsewhere(request, path, RUNS / (path.resolve().stem or "images"))


def _ours(request: ScoreRequest, run: RunDir, default: Path) -> Place:
    record = run.read_record()
    for name in ("model_name", "note", "prompts_from"):
        if getattr(request, name) is not None:
            raise BadInputError(
                f"{run.path} is a run, which records how its images were made. {option(name)} is for images made "
                "elsewhere; leave it out."
            )
    path = request.out if request.out is not None else default
    if path.resolve() == run.path.resolve():
        return Place(run, run.images, run, record, None)
    out = RunDir(path)
    _check_out(out, run.images)
    return Place(out, run.images, run, record, read_source(out))


def _elsewhere(request: ScoreRequest, images: Path | None, default: Path) -> Place:
    out = RunDir(request.out if request.out is not None else default)
    _check_out(out, images)
    before = read_source(out)
    derived = request.out is None and (request.path is None or request.path.resolve() != default.resolve())
    if derived and before is not None and (before.images is None) != (images is None):
        held = "of answers without images" if before.images is None else "about images"
        named = request.path if request.path is not None else request.answers
        raise other_results(out, f"{held}, and these are others", named if named is not None else out.path)
    return Place(out, images, None, None, before)


def _check_out(out: RunDir, images: Path | None) -> None:
    """Results never go into the image folder itself."""
    if out.path.exists() and not out.path.is_dir():
        raise BadInputError(f"{option('out', out.path)} is a file; name a folder.")
    if images is not None and out.path.resolve().is_relative_to(images.resolve()):
        raise BadInputError(
            f"The output folder {out.path} lies in the image folder {images}, which is never written to. "
            f"Choose another with {option('out')}."
        )
    if out.record_file.exists():
        raise BadInputError(
            f"{out.path} is a run, and these results are not about its images. Choose another folder for them: "
            f"{option('out', f'{out.path}-2')}."
        )
    check_same_source(out, images)
