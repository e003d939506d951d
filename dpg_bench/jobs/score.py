"""`dpgbench score` as a Python call, once it is planned: judge the images, or take the answers, and score them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from dpg_bench.files.answer_lines import AnswerLine, write_answer_lines
from dpg_bench.files.durable import clear_parts, disk_errors
from dpg_bench.files.judgement_record import JudgementRecord, begin_judgement
from dpg_bench.files.run_folder import lock_alone
from dpg_bench.jobs.score_plan import IMPORTED, Judging, ScorePlan
from dpg_bench.jobs.scored import (
    Answered,
    ScoreResult,
    check_same_run,
    judge_card,
    made_images,
    write_origin,
    write_result,
)
from dpg_bench.judge.imported.answers import ImportedAnswers
from dpg_bench.judge.prefetch import default_workers
from dpg_bench.judge.stage import JudgingProgress, judge_images
from dpg_bench.score.scorecard import JudgeCard


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
    with lock_alone(plan.folder.path):
        if isinstance(source, Judging):
            answered = _judge(plan, source, progress)
        else:
            _keep_answers(plan, source)
            answered = Answered(
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
        return write_result(plan, answered)


def _judge(plan: ScorePlan, source: Judging, progress: Callable[[JudgingProgress], None] | None) -> Answered:
    judge = source.spec.load(source.settings)
    check_same_run(plan)
    outcome = judge_images(
        plan.prompts,
        source.images,
        judge,
        folder=plan.folder.path,
        suite_digest=plan.suite.digest,
        made=made_images(plan),
        batch_size=source.batch_size,
        workers=default_workers(len(source.images.items), source.settings.device),
        fresh=plan.request.fresh,
        begun=lambda: write_origin(plan),
        progress=progress,
    )
    return Answered(
        answers=outcome.answers,
        p_yes=outcome.p_yes,
        judge=judge_card(source, judge, outcome.usage),
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
    check_same_run(plan)
    with disk_errors(plan.folder.path):
        clear_parts(plan.folder.path)
        begin_judgement(plan.folder, record, fresh=plan.request.fresh)
        write_origin(plan)
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
