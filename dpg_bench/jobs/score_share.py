"""A share of a judging: one of several processes that judge one folder of images, and know each other by it alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from dpg_bench.files.durable import disk_errors
from dpg_bench.files.mirror import Mirror
from dpg_bench.files.run_folder import PATIENCE, ShardDir, is_held, lock_folder
from dpg_bench.files.shard_record import ShardRecord, write_shard_record
from dpg_bench.jobs.run_share import refuse_fresh
from dpg_bench.jobs.score_plan import ScorePlan, plan_score
from dpg_bench.jobs.scored import (
    Answered,
    ScoreResult,
    check_same_run,
    judge_card,
    made_images,
    write_origin,
    write_result,
)
from dpg_bench.jobs.shards import Shard, as_shard, deal
from dpg_bench.judge.answer_log import AnswerLog
from dpg_bench.judge.base import Judge
from dpg_bench.judge.collected import clear_collected, collect_answers
from dpg_bench.judge.prefetch import default_workers
from dpg_bench.judge.stage import JudgingOutcome, JudgingProgress, begin_judging, judge_share
from dpg_bench.records import Prompt
from dpg_bench.score.scorecard import JudgeCard

Progress = Callable[[JudgingProgress], None]


@dataclass(frozen=True, slots=True)
class ShareResult:
    """How a share ended: with the `result`, for the last of them, else with so many items `left` to others."""

    result: ScoreResult | None
    left: int


def execute_score_share(
    plan: ScorePlan,
    shard: Shard | str,
    *,
    steal: bool = False,
    mirror: Mirror | None = None,
    progress: Progress | None = None,
) -> ShareResult:
    """Judge the share `shard` ("0/4") of what the plan says and is not answered yet; the last to finish scores all.

    With `steal`, this process then judges what is left of shares that no process is at work on. `mirror` is where the
    folder lies for others, if that is behind a URL.

    Raises BadInputError for answers from elsewhere, which need no judge, and what `execute_score` raises.
    """
    share = as_shard(shard)
    source = plan.judging
    refuse_fresh(plan.request.fresh, plan.folder.path)
    own = plan.folder.shard(share.name)
    with lock_folder(own.path):
        judge = source.spec.load(source.settings)
        card = join_judging(plan, judge, own)
        judging = ShareJudging(plan, judge, own, progress)
        judging.ask(_prompts(plan, share))
        for other in share.others() if steal else ():
            place = plan.folder.shard(other.name).path
            if not is_held(place):
                with lock_folder(place):
                    judging.ask(_prompts(plan, other))
        if mirror is not None:
            mirror.push()
            mirror.pull(images=False)
        return settle_score(plan, card)


def join_judging(plan: ScorePlan, judge: Judge, own: ShardDir) -> JudgeCard:
    """Say who judges, in the judgement's folder and in that of this process; what a scorecard says of the judge.

    Raises BadInputError if there are answers made with other settings, or the run was started anew meanwhile.
    """
    source = plan.judging
    check_same_run(plan)
    with lock_folder(plan.folder.path, wait=PATIENCE), disk_errors(plan.folder.path):
        begin_judging(plan.folder, source.images, judge, suite_digest=plan.suite.digest)
        write_origin(plan)
    card = judge_card(source, judge)
    known = plan.record.suite.items if plan.record is not None else None
    chosen = [prompt.item_id for prompt in plan.prompts]
    whole = len(chosen) == (len(known) if known is not None else len(plan.suite.prompts))
    record = ShardRecord(judge=card.model_dump(mode="json"), items=None if whole else chosen)
    write_shard_record(own, record)
    own.failures.unlink(missing_ok=True)
    return card


class ShareJudging:
    """What one process judges: share after share with one judge, into one log."""

    def __init__(self, plan: ScorePlan, judge: Judge, own: ShardDir, progress: Progress | None) -> None:
        self._plan = plan
        self._source = plan.judging
        self._judge = judge
        self._own = own
        self._made = made_images(plan)
        self._progress = progress
        self._before = JudgingProgress(0, 0, 0, 0, 0, 0)
        self._last = self._before

    def ask(self, prompts: Sequence[Prompt], *, unknown: bool = False) -> JudgingOutcome:
        """Ask about the images of `prompts` what nobody has answered yet; `unknown` says that this is all of it.

        Raises what `judge_share` raises.
        """
        mine, *others = (self._own.answers,) if unknown else self._plan.folder.answer_logs
        outcome = judge_share(
            prompts,
            self._source.images,
            self._judge,
            shard=self._own,
            answers=AnswerLog(mine, prompts, fingerprint=self._judge.fingerprint, others=others),
            made=self._made,
            batch_size=self._source.batch_size,
            workers=default_workers(len(prompts), self._source.settings.device),
            progress=self._report,
        )
        self._before = self._last
        return outcome

    def _report(self, state: JudgingProgress) -> None:
        names = ("items", "items_done", "failed", "questions", "asked", "kept")
        sums = {name: getattr(self._before, name) + getattr(state, name) for name in names}
        self._last = replace(state, **sums)
        if self._progress is not None:
            self._progress(self._last)


def settle_score(plan: ScorePlan, judge: JudgeCard) -> ShareResult:
    """The scorecard, if all items are judged; else how many are left.

    Raises BadInputError if the run was started anew meanwhile or an answer is damaged, DpgBenchError if the disk is
    full.
    """
    with lock_folder(plan.folder.path, wait=PATIENCE):
        plan, not_made = _as_of_now(plan)
        if not_made:
            return ShareResult(None, not_made)
        source = plan.judging
        found = collect_answers(plan.prompts, source.images, plan.folder, fingerprint=judge.fingerprint or "")
        if isinstance(found, int):
            return ShareResult(None, found)
        answered = Answered(
            answers=found.answers,
            p_yes=found.p_yes,
            judge=_with_usage(judge, found.usage),
            images_per_prompt=source.images.images_per_prompt,
            failed=found.failed,
            missing=found.missing,
        )
        result = write_result(plan, answered)
        clear_collected(plan.folder)
        return ShareResult(result, 0)


def _as_of_now(plan: ScorePlan) -> tuple[ScorePlan, int]:
    """The plan with the images that were made since, and how many others are still to make."""
    if plan.run is None or not plan.judging.images.missing:
        return plan, 0
    now = plan_score(plan.request)
    under_way = now.record is not None and now.record.status in ("running", "interrupted")
    return now, len(set(now.judging.images.missing) - set(now.failures)) if under_way else 0


def _with_usage(card: JudgeCard, usage: Mapping[str, float]) -> JudgeCard:
    return card.model_copy(update={"provenance": {**card.provenance, "usage": dict(usage)}}) if usage else card


def _prompts(plan: ScorePlan, share: Shard) -> tuple[Prompt, ...]:
    chosen = deal([prompt.item_id for prompt in plan.prompts], share)
    return tuple(prompt for prompt in plan.prompts if prompt.item_id in chosen)
