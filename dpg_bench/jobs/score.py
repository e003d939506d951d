"""`dpgbench score` as a Python call: have the images judged, or take the answers as they are, and score them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from dpg_bench import __version__
from dpg_bench.files.durable import write_atomic
from dpg_bench.files.kept_suite import KEPT_SUITE, write_kept_suite
from dpg_bench.files.run_folder import disk_errors, lock_folder
from dpg_bench.jobs.score_plan import IMPORTED, Judging, ScorePlan
from dpg_bench.judge.imported.answers import ImportedAnswers
from dpg_bench.judge.prefetch import default_workers
from dpg_bench.judge.stage import JudgingProgress, judge_images
from dpg_bench.records import PYesTable
from dpg_bench.score.scorecard import JudgeCard, RunCard, Scorecard, plain_json, scorecard_json
from dpg_bench.score.scoring import answers_to_scorecard


@dataclass(frozen=True, slots=True)
class ScoreResult:
    """The scorecard, and the file it was written to."""

    scorecard: Scorecard
    file: Path


def score_plan(plan: ScorePlan, *, progress: Callable[[JudgingProgress], None] | None = None) -> ScoreResult:
    """Judge what the plan says and is not answered yet, score the answers, and write the scorecard.

    Raises BadInputError if another process uses the judgement's folder or it holds answers made with other
    settings, UnavailableError if the judge can't be downloaded, DpgBenchError if the disk fills up.
    """
    source = plan.source
    failures = dict(plan.failures)
    missing: Mapping[str, str] = {}
    p_yes: PYesTable | None = None
    if isinstance(source, Judging):
        judge = source.spec.load(source.settings)
        outcome = judge_images(
            plan.prompts,
            source.images,
            judge,
            folder=plan.folder,
            batch_size=source.batch_size,
            workers=default_workers(len(source.images.items), source.settings.device),
            fresh=plan.request.fresh,
            progress=progress,
        )
        answers = outcome.answers
        p_yes = outcome.p_yes
        failures |= outcome.failed
        missing = outcome.missing
        judge_card = JudgeCard(
            name=source.spec.name,
            fingerprint=judge.fingerprint,
            untrained=source.spec.untrained,
            provenance=plain_json(judge.provenance),
        )
        images_per_prompt = source.images.images_per_prompt
    else:
        answers, images_per_prompt = source.table, source.images_per_prompt
        _keep_answers(plan, source)
        judge_card = JudgeCard(
            name=IMPORTED,
            fingerprint=source.judge_fingerprint,
            provenance={"format": source.format, "file_sha256": source.sha256},
        )
    scorecard = answers_to_scorecard(
        plan.suite,
        answers,
        judge=judge_card,
        run=_run_card(plan, images_per_prompt),
        item_ids=[prompt.item_id for prompt in plan.prompts],
        failures=failures,
        missing=missing,
        p_yes=p_yes,
        never_asked=source.never_asked if isinstance(source, ImportedAnswers) else None,
    )
    file = plan.folder / "scorecard.json"
    with disk_errors(file):
        write_kept_suite(file.with_name(KEPT_SUITE), plan.suite)
        write_atomic(file, scorecard_json(scorecard).encode())
    return ScoreResult(scorecard, file)


def _run_card(plan: ScorePlan, images_per_prompt: int) -> RunCard:
    record = plan.record
    if record is None:
        return RunCard(
            model=None,
            images_per_prompt=images_per_prompt,
            allow_missing=plan.request.allow_missing,
            scored_by=__version__,
        )
    return RunCard(
        model=str(record.settings["model"]),
        settings=plain_json(record.settings),
        settings_fingerprint=record.fingerprint,
        images_per_prompt=images_per_prompt,
        allow_missing=plan.request.allow_missing,
        untrained=record.untrained,
        scored_by=__version__,
    )


def _keep_answers(plan: ScorePlan, imported: ImportedAnswers) -> None:
    """Lay imported answers down beside their scorecard, in our own form, so that every later command finds them."""
    encode = json.JSONEncoder(ensure_ascii=False).encode  # made once: a full run has 57,544 answers
    lines = [
        encode({"item_id": item_id, "image": image, "proposition_id": proposition_id, "answer": answer})
        for item_id, images in imported.table.items()
        for image, answers in sorted(images.items())
        for proposition_id, answer in answers.items()
    ]
    with lock_folder(plan.folder), disk_errors(plan.folder):
        write_atomic(plan.folder / "answers.jsonl", ("\n".join(lines) + "\n").encode())
