"""`dpgbench score` as a Python call, once it is planned: judge the images, or take the answers, and score them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from dpg_bench import __version__
from dpg_bench.errors import BadInputError
from dpg_bench.files.answer_lines import AnswerLine, write_answer_lines
from dpg_bench.files.contents import file_digest, items_digest
from dpg_bench.files.durable import clear_parts, disk_errors, write_atomic
from dpg_bench.files.judgement_record import JudgementRecord, begin_judgement
from dpg_bench.files.kept_suite import write_kept_suite
from dpg_bench.files.run_folder import lock_folder
from dpg_bench.files.source_record import check_same_source, write_source
from dpg_bench.generate.generation_log import made_digests
from dpg_bench.jobs.score_plan import IMPORTED, Judging, ScorePlan
from dpg_bench.judge.imported.answers import ImportedAnswers
from dpg_bench.judge.prefetch import default_workers
from dpg_bench.judge.stage import JudgingProgress, judge_images
from dpg_bench.records import AnswerTable, PYesTable
from dpg_bench.score.scorecard import (
    AnsweredCard,
    ImagesCard,
    JudgeCard,
    RunCard,
    Scorecard,
    TilesCard,
    plain_json,
    scorecard_json,
)
from dpg_bench.score.scoring import answers_to_scorecard

_MOST_SIZES = 20  # of images that a scorecard tells apart; more are counted


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """The scorecard, and the file it was written to."""

    scorecard: Scorecard
    file: Path


def execute_score(plan: ScorePlan, *, progress: Callable[[JudgingProgress], None] | None = None) -> ScoreResult:
    """Judge what the plan says and is not answered yet, score the answers, and write the scorecard.

    Raises BadInputError if another process uses the judgement's folder, it holds answers made with other settings, or
    the run was started anew meanwhile; UnavailableError if the judge can't be downloaded, DpgBenchError if the disk
    fills up.

    >>> import dpg_bench as dpg
    >>> from pathlib import Path
    >>> request = dpg.ScoreRequest(answers=Path("demo.csv"), suite="suite.csv", out=Path("runs/demo"))
    >>> result = dpg.execute_score(dpg.plan_score(request))
    >>> result.scorecard["corrected"].overall
    75.0
    """
    source = plan.source
    with lock_folder(plan.folder.path):
        if isinstance(source, Judging):
            answered = _judge(plan, source, progress)
        else:
            _keep_answers(plan, source)
            answered = _Answered(
                answers=source.table,
                p_yes=source.p_yes,
                judge=JudgeCard(
                    name=IMPORTED,
                    fingerprint=source.judge_fingerprint,
                    provenance=_provenance(plan, source),
                ),
                images_per_prompt=source.images_per_prompt,
                failed={},
                missing={},
            )
        scorecard = answers_to_scorecard(
            plan.suite,
            answered.answers,
            judge=answered.judge,
            run=_run_card(plan, answered.images_per_prompt),
            item_ids=[prompt.item_id for prompt in plan.prompts],
            failures={**plan.failures, **answered.failed},
            missing=answered.missing,
            p_yes=answered.p_yes,
            never_asked=source.never_asked if isinstance(source, ImportedAnswers) else None,
            answered=_answered_card(plan, answered.answers),
        )
        _check_same_run(plan)
        with disk_errors(plan.folder.scorecard):
            write_kept_suite(plan.folder.suite, plan.suite)
            write_atomic(plan.folder.scorecard, scorecard_json(scorecard).encode())
    return ScoreResult(scorecard, plan.folder.scorecard)


@dataclass(frozen=True, slots=True)
class _Answered:
    """The answers to score, and who gave them; items that could not be judged or aren't there, with the reason."""

    answers: AnswerTable
    p_yes: PYesTable | None
    judge: JudgeCard
    images_per_prompt: int
    failed: Mapping[str, str]
    missing: Mapping[str, str]


def _judge(plan: ScorePlan, source: Judging, progress: Callable[[JudgingProgress], None] | None) -> _Answered:
    judge = source.spec.load(source.settings)
    _check_same_run(plan)
    _write_origin(plan)
    outcome = judge_images(
        plan.prompts,
        source.images,
        judge,
        folder=plan.folder.path,
        suite_digest=plan.suite.digest,
        made=made_digests(plan.run, plan.record.fingerprint)
        if plan.run is not None and plan.record is not None
        else {},
        batch_size=source.batch_size,
        workers=default_workers(len(source.images.items), source.settings.device),
        fresh=plan.request.fresh,
        progress=progress,
    )
    return _Answered(
        answers=outcome.answers,
        p_yes=outcome.p_yes,
        judge=JudgeCard(
            name=source.spec.label(source.settings),
            fingerprint=judge.fingerprint,
            untrained=source.spec.untrained,
            provenance=plain_json({**judge.provenance, **({"usage": outcome.usage} if outcome.usage else {})}),
        ),
        images_per_prompt=source.images.images_per_prompt,
        failed=outcome.failed,
        missing=outcome.missing,
    )


def _provenance(plan: ScorePlan, imported: ImportedAnswers) -> dict[str, Any]:
    """Which answers these are: the form and digest of their file, and what chose among its rows."""
    where = {"where": dict(plan.request.where)} if plan.request.where else {}
    unclear = {"unclear_answers": len(imported.unclear)} if imported.unclear else {}
    return {"format": imported.format, "file_sha256": imported.sha256, **where, **unclear}


def _answers_digest(plan: ScorePlan, imported: ImportedAnswers) -> str:
    """The file's own, or where rows were chosen that of the file and the choice: another choice is another judge."""
    if not plan.request.where:
        return imported.sha256
    return hashlib.sha256(json.dumps([imported.sha256, dict(plan.request.where)], sort_keys=True).encode()).hexdigest()


def _keep_answers(plan: ScorePlan, imported: ImportedAnswers) -> None:
    """Lay imported answers down beside their scorecard, in our own form, so that every later command finds them."""
    record = JudgementRecord(
        judge_fingerprint=imported.judge_fingerprint or _answers_digest(plan, imported),
        judge={"name": IMPORTED, **_provenance(plan, imported)},
        images_per_prompt=imported.images_per_prompt,
        suite_digest=plan.suite.digest,
    )
    with disk_errors(plan.folder.path):
        clear_parts(plan.folder.path)
        begin_judgement(plan.folder, record, fresh=plan.request.fresh)
        _write_origin(plan)
        write_answer_lines(plan.folder.answers, _lines(imported))


def _lines(imported: ImportedAnswers) -> Iterator[AnswerLine]:
    for item_id, images in imported.table.items():
        for image, answers in sorted(images.items()):
            digest = imported.image_digests.get((item_id, image))
            p_yes = imported.p_yes.get(item_id, {}).get(image, {})
            for proposition_id, answer in answers.items():
                yield AnswerLine(
                    item_id=item_id,
                    image=image,
                    proposition_id=proposition_id,
                    answer=answer,
                    p_yes=p_yes.get(proposition_id),
                    image_sha256=digest,
                    judge_fingerprint=imported.judge_fingerprint,
                )


def _answered_card(plan: ScorePlan, answers: AnswerTable) -> AnsweredCard:
    source = plan.source
    chosen = [prompt.item_id for prompt in plan.prompts]
    said = [answer for item_id in chosen for image in answers.get(item_id, {}).values() for answer in image.values()]
    return AnsweredCard(
        rule="read" if isinstance(source, ImportedAnswers) and not source.as_spelled else "official",
        neither=sum(answer not in ("yes", "no") for answer in said),
        blank=source.blank if isinstance(source, ImportedAnswers) else 0,
        sha256=file_digest(plan.folder.answers),
        items_sha256=items_digest(plan.record.suite.items) if plan.record is not None else None,
    )


def _write_origin(plan: ScorePlan) -> None:
    if plan.origin is not None:
        check_same_source(plan.out, plan.source.images.path if isinstance(plan.source, Judging) else None)
        write_source(plan.out, plan.origin)


def _check_same_run(plan: ScorePlan) -> None:
    """Raises BadInputError if the run that was planned for has been started anew since."""
    if plan.run is None or plan.record is None:
        return
    now, then = plan.run.read_record(), plan.record
    if now is None or (now.fingerprint, now.started) != (then.fingerprint, then.started):
        raise BadInputError(f"{plan.run.path} was started anew while it was scored. Run `dpgbench score` again.")


def _run_card(plan: ScorePlan, images_per_prompt: int) -> RunCard:
    record, origin = plan.record, plan.origin
    if record is None:
        return RunCard(
            model=origin.model if origin is not None else None,
            settings={"note": origin.note} if origin is not None and origin.note is not None else {},
            images_per_prompt=images_per_prompt,
            allow_missing=plan.request.allow_missing,
            scored_by=__version__,
            images=_images_card(plan),
        )
    return RunCard(
        model=str(record.settings["model"]),
        settings=plain_json(record.settings),
        settings_fingerprint=record.fingerprint,
        images_per_prompt=images_per_prompt,
        allow_missing=plan.request.allow_missing,
        untrained=record.untrained,
        scored_by=__version__,
        images=_images_card(plan),
    )


def _images_card(plan: ScorePlan) -> ImagesCard | None:
    if not isinstance(plan.source, Judging):
        return None
    survey = plan.source.survey
    sizes = {(one.cut.width, one.cut.height) for one in survey.tiles}
    return ImagesCard(
        tiles=tuple(
            TilesCard(tiles=str(one.cut), files=one.files, example=one.example) for one in survey.tiles[:_MOST_SIZES]
        ),
        sizes=len(sizes),
        guesses=survey.images.guesses,
        square=all(one.cut.square for one in survey.tiles),
    )
