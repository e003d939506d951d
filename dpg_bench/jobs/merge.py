"""What several processes, or several people, did of one run is made one: `dpgbench merge` as Python calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.run_folder import PATIENCE, JudgementDir, RunDir, lock_folder, shards_in
from dpg_bench.files.run_record import RunRecord
from dpg_bench.files.shard_record import ShardRecord, read_shard_record
from dpg_bench.generate.generation_log import failed_items
from dpg_bench.generate.plan import ItemPlan, plan_items
from dpg_bench.jobs.run_share import settle_run
from dpg_bench.jobs.score_plan import plan_score
from dpg_bench.jobs.score_request import ScoreRequest
from dpg_bench.jobs.score_share import ShareResult, settle_score
from dpg_bench.judge.base import JudgeSettings, JudgeSpec
from dpg_bench.judge.collected import clear_collected
from dpg_bench.plugins import NoOptions
from dpg_bench.score.scorecard import JudgeCard
from dpg_bench.suite.registry import load_suite


@dataclass(frozen=True, slots=True)
class MergeResult:
    """What a merged folder holds: of `items`, how many are `left` to make and how many `failed`; what judges did.

    `judged` has the judgements that were shared, by judge; None stands for one whose judge nobody has told of, so that
    it takes `dpgbench score` to make the scorecard.
    """

    run: RunDir
    items: int
    left: int
    failed: int
    judged: Mapping[str, ShareResult | None]

    @property
    def complete(self) -> bool:
        """Whether every item is made and judged."""
        whole = all(
            one is not None and one.result is not None and one.result.scorecard.complete for one in self.judged.values()
        )
        return whole and not self.left and not self.failed


def merge_shards(path: Path, *, suite: str | None = None) -> MergeResult:
    """Make one of what the processes that share the run in `path` did: its log, and scorecards where all is judged.

    What is not done yet stays as it is. `suite` says where the suite lies now, if it isn't where the run was made.

    Raises BadInputError if there is no run, its suite has changed, or something in it is damaged; DpgBenchError if the
    disk is full.
    """
    run = RunDir(path)
    record = run.read_record()
    if record is None:
        raise BadInputError(f"{path} holds no run ({run.record_file.name} isn't there). Name the folder of a run.")
    items = _items(run, record, suite)
    left = settle_run(run, items)
    judged: dict[str, ShareResult | None] = {}
    for name, place in run.judged().items():
        if _is_collected(place):
            with lock_folder(place.path, wait=PATIENCE):
                clear_collected(place)
        elif shards_in(place.shards):
            judged[name] = _merge_judgement(run, name, place, suite)
    failed = failed_items(run, record.fingerprint)
    return MergeResult(run, len(items), left, len(failed), judged)


def _is_collected(place: JudgementDir) -> bool:
    """Whether the scorecard is made and what is left of the processes' folders says nothing: a kill came in between."""
    said = any(
        file.exists()
        for shard in shards_in(place.shards)
        for file in (shard.record_file, shard.answers, shard.failures, shard.usage)
    )
    return place.scorecard.exists() and place.shards.is_dir() and not said


def _merge_judgement(run: RunDir, name: str, place: JudgementDir, suite: str | None) -> ShareResult | None:
    record = judged_by(place)
    if record is None:
        return None
    request = ScoreRequest(
        path=run.path,
        suite=suite,
        judge=_named(name),
        items=tuple(record.items) if record.items is not None else None,
        device="cpu",
    )
    return settle_score(plan_score(request), JudgeCard.model_validate(record.judge))


def judged_by(place: JudgementDir) -> ShardRecord | None:
    """What a process that shared the judging said of its judge; None if none did. Raises BadInputError for damage."""
    records = (read_shard_record(shard) for shard in shards_in(place.shards))
    return next((record for record in records if record is not None), None)


def _items(run: RunDir, record: RunRecord, suite: str | None) -> tuple[ItemPlan, ...]:
    named = load_suite(suite or record.suite.name)
    whole = named.whole or named
    if whole.digest != record.suite.digest:
        raise BadInputError(
            f"{run.path} was made for the suite '{record.suite.name}' with the digest {record.suite.digest[:12]}, but "
            f"'{whole.name}' now has {whole.digest[:12]}. Name the suite it was made for with {option('suite')}."
        )
    chosen = set(record.suite.items) if record.suite.items is not None else None
    prompts = [prompt for prompt in whole.prompts if chosen is None or prompt.item_id in chosen]
    settings = record.settings
    seed, seeds = settings.get("seed"), settings.get("seeds")
    return plan_items(prompts, int(settings["images_per_prompt"]), seed=seed if seed is not None else 0, seeds=seeds)


def _named(name: str) -> JudgeSpec[Any]:
    """A judge that is only spoken of, whatever became of its weights."""

    def load(_: JudgeSettings[NoOptions]) -> NoReturn:
        raise AssertionError(f"{name} is not asked")

    return JudgeSpec(name=name, summary="spoken of", source="", options=NoOptions, load=load)
