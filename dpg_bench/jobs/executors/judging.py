"""A judging handed out in blocks: what a worker does, and what hands out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace

from dpg_bench.errors import BadInputError
from dpg_bench.files.clearing import clear_judgement
from dpg_bench.files.durable import JsonlLog, disk_errors
from dpg_bench.files.judgement_record import read_judgement_record
from dpg_bench.files.run_folder import RunDir, lock_alone, lock_folder
from dpg_bench.jobs.executors.blocks import Engine, Told, Work, hand_out
from dpg_bench.jobs.executors.fetching import fetch_once
from dpg_bench.jobs.executors.generation import DRIVER, refuse_held, worker_name
from dpg_bench.jobs.score_plan import Judging, ScorePlan, plan_score
from dpg_bench.jobs.score_request import ScoreRequest
from dpg_bench.jobs.score_share import Progress, ShareJudging, join_judging, settle_score
from dpg_bench.jobs.scored import ScoreResult
from dpg_bench.judge.answer_log import AnswerLog
from dpg_bench.judge.collected import item_digests
from dpg_bench.judge.stage import JudgingProgress
from dpg_bench.records import Prompt
from dpg_bench.score.scorecard import JudgeCard, plain_json


@dataclass(frozen=True, slots=True)
class JudgingWork:
    """What is sent to a worker: the request, from which it makes its own plan. Implements `Work`."""

    request: ScoreRequest

    def open(self, name: str, device: str) -> OpenJudging:
        """Load the judge onto `device`. Raises BadInputError for another judge than the answers are by."""
        plan = plan_score(replace(self.request, device=device, fresh=False))
        source = plan.judging
        own = plan.folder.shard(name)
        with ExitStack() as held:
            held.enter_context(lock_folder(own.path))
            spec, options = source.spec, source.settings.options
            fetch_once(lambda: spec.pending(options) > 0, lambda: spec.fetch(options))
            judge = spec.load(source.settings)
            join_judging(plan, judge, own)
            return OpenJudging(plan, ShareJudging(plan, judge, own, None), held.pop_all())


class OpenJudging:
    """A worker's judge, and its folder, which it holds. Implements `OpenWork`."""

    def __init__(self, plan: ScorePlan, judging: ShareJudging, held: ExitStack) -> None:
        self._prompts = {prompt.item_id: prompt for prompt in plan.prompts}
        self._judging = judging
        self._held = held

    def do(self, items: Sequence[str]) -> Told:
        """Judge the items, which nobody has judged."""
        outcome = self._judging.ask([self._prompts[item_id] for item_id in items], unknown=True)
        return Told(outcome.failed)

    def close(self) -> None:
        """Let go of the folder."""
        self._held.close()


def execute_score_on(
    plan: ScorePlan, start: Callable[[Work], Engine], *, progress: Progress | None = None
) -> ScoreResult:
    """`execute_score` by workers that `start` makes ready for the work that it is given.

    Raises BadInputError if another process uses the folder, the work can't be sent to workers or needs no judge, and
    whatever a worker met that concerns all of it.
    """
    source = plan.judging
    place = plan.folder
    prompts = {p.item_id: p for p in plan.prompts if p.item_id in source.images.items and p.questions}
    driver = place.shard(DRIVER)
    if plan.request.fresh:
        with lock_alone(place.path):
            clear_judgement(place)
    with lock_folder(driver.path):
        refuse_held(RunDir(place.path))
        todo = _not_judged(plan, source, prompts)
        kept = sum(len(prompt.questions) for item, prompt in prompts.items() if item not in todo)
        per_item = source.images.images_per_prompt
        asked, items_done = 0, len(prompts) - len(todo)

        def report(now: Sequence[str], failed: int) -> None:
            nonlocal asked, items_done
            asked += sum(len(prompts[item].questions) for item in now)
            items_done += len(now)
            if progress is not None:
                every = per_item * sum(len(prompt.questions) for prompt in prompts.values())
                progress(JudgingProgress(len(prompts), items_done, failed, every, per_item * asked, per_item * kept))

        def give_up(item_id: str, reason: str) -> None:
            with disk_errors(driver.path), JsonlLog(driver.failures) as log:
                log.append({"item_id": item_id, "error": reason, "traceback": ""})

        report([], 0)
        if todo:
            driver.failures.unlink(missing_ok=True)
            hand_out(
                start(JudgingWork(plan.request)),
                todo,
                multiple=max(1, source.batch_size // per_item),
                unfinished=lambda block: _unfinished(plan, source, [prompts[item] for item in block]),
                give_up=give_up,
                name=worker_name,
                progress=report,
            )
        end = settle_score(plan, _card(plan, source))
        if end.result is None:
            raise BadInputError(
                f"{end.left} images were changed while they were judged. Run the same command again to judge them as "
                "they are."
            )
        return end.result


def _card(plan: ScorePlan, source: Judging) -> JudgeCard:
    """What a scorecard says of the judge, from what its workers recorded."""
    record = read_judgement_record(plan.folder.record_file)
    return JudgeCard(
        name=source.spec.label(source.settings),
        fingerprint=record.judge_fingerprint,
        untrained=source.spec.untrained,
        provenance=plain_json(record.judge),
    )


def _not_judged(plan: ScorePlan, source: Judging, prompts: dict[str, Prompt]) -> list[str]:
    """The items whose images, as they are now, aren't answered whole."""
    if not plan.folder.record_file.exists():
        return list(prompts)
    mine, *others = plan.folder.answer_logs
    fingerprint = read_judgement_record(plan.folder.record_file).judge_fingerprint
    log = AnswerLog(mine, list(prompts.values()), fingerprint=fingerprint, others=others)
    images = source.images
    known = {item: log.complete_digests(prompt, images.images_per_prompt) for item, prompt in prompts.items()}
    now = item_digests([images.items[item] for item, one in known.items() if one], images.images_per_prompt)
    return [item for item, one in known.items() if not one or now.get(item) != one]


def _unfinished(plan: ScorePlan, source: Judging, block: Sequence[Prompt]) -> list[str]:
    mine, *others = plan.folder.answer_logs
    log = AnswerLog(mine, block, fingerprint=None, others=others)
    return [p.item_id for p in block if log.complete_digests(p, source.images.images_per_prompt) is None]
