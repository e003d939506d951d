"""From answers to the scorecard's file: the end of every way to score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import JsonValue

from dpg_bench import __version__
from dpg_bench.errors import BadInputError
from dpg_bench.files.contents import file_digest, items_digest
from dpg_bench.files.durable import check_still_held, disk_errors, write_atomic
from dpg_bench.files.kept_suite import write_kept_suite
from dpg_bench.files.source_record import SourceRecord, check_same_source, write_source
from dpg_bench.generate.generation_log import made_digests
from dpg_bench.jobs.score_plan import Judging, ScorePlan
from dpg_bench.judge.base import Judge
from dpg_bench.judge.imported.answers import ImportedAnswers
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


@dataclass(frozen=True, slots=True)
class Answered:
    """The answers to score, and who gave them; items that could not be judged or aren't there, with the reason."""

    answers: AnswerTable
    p_yes: PYesTable | None
    judge: JudgeCard
    images_per_prompt: int
    failed: Mapping[str, str]
    missing: Mapping[str, str]


def write_result(plan: ScorePlan, answered: Answered) -> ScoreResult:
    """Score what was `answered`, and write the scorecard. For whoever holds the lock of the plan's folder.

    Raises BadInputError if the run was started anew meanwhile, DpgBenchError if the disk fills up.
    """
    source = plan.source
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
    check_same_run(plan)
    with disk_errors(plan.folder.scorecard):
        write_kept_suite(plan.folder.suite, plan.suite)
        write_atomic(plan.folder.scorecard, scorecard_json(scorecard).encode())
    return ScoreResult(scorecard, plan.folder.scorecard)


def made_images(plan: ScorePlan) -> Mapping[str, str]:
    """The SHA-256 (hex) of items' files as the run made them; none for images made elsewhere."""
    return made_digests(plan.run, plan.record.fingerprint) if plan.run is not None and plan.record is not None else {}


def judge_card(source: Judging, judge: Judge, usage: Mapping[str, float] | None = None) -> JudgeCard:
    """What a scorecard says of the loaded `judge`, and what asking it came to, where it counts that."""
    return JudgeCard(
        name=source.spec.label(source.settings),
        fingerprint=judge.fingerprint,
        untrained=source.spec.untrained,
        provenance=plain_json({**judge.provenance, **({"usage": dict(usage)} if usage else {})}),
    )


def write_origin(plan: ScorePlan) -> None:
    """Say beside the results which images they are about, where these are not a run's. Raises what that raises.

    For once it is known that the answers go with those that are there: what is refused leaves no trace.
    """
    if plan.origin is not None:
        write_source(plan.out, plan.origin)


def check_same_run(plan: ScorePlan) -> None:
    """Raises BadInputError if the run that was planned for has been started anew since, or `out` is about others.

    And DpgBenchError if the judgement's folder is no longer the one that is held.
    """
    with disk_errors(plan.folder.path):
        check_still_held(plan.folder.answers)
    if plan.origin is not None:
        check_same_source(plan.out, plan.source.images.path if isinstance(plan.source, Judging) else None)
    if plan.run is None or plan.record is None:
        return
    now, then = plan.run.read_record(), plan.record
    if now is None or (now.fingerprint, now.started) != (then.fingerprint, then.started):
        raise BadInputError(f"{plan.run.path} was started anew while it was scored. Run `dpgbench score` again.")


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


def _run_card(plan: ScorePlan, images_per_prompt: int) -> RunCard:
    record, origin = plan.record, plan.origin
    if record is None:
        return RunCard(
            model=origin.model if origin is not None else None,
            settings=_told_settings(origin),
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


def _told_settings(origin: SourceRecord | None) -> dict[str, JsonValue]:
    """What is known of how images made elsewhere were made."""
    told = {} if origin is None else {"note": origin.note, "prompts": origin.prompts}
    return {name: value for name, value in told.items() if value is not None}


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
