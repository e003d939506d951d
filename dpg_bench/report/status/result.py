"""How far the runs of a folder are: made, being made or stopped, and what judges made of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Literal

from dpg_bench.errors import BadInputError
from dpg_bench.files.answer_lines import read_answer_lines
from dpg_bench.files.durable import read_jsonl
from dpg_bench.files.run_folder import JudgementDir, RunDir, is_held, shards_in
from dpg_bench.files.run_record import RunRecord
from dpg_bench.files.source_record import SourceRecord, images_of, read_source
from dpg_bench.report.still_fits import misfit
from dpg_bench.score.scorecard import CORRECTED, OFFICIAL, Scorecard, read_scorecard

State = Literal["complete", "incomplete", "interrupted", "under way", "stopped", "made elsewhere"]
"""Of the images. `under way`: a process is at work; `stopped`: one was, and ended without a word (killed)."""

_RECENT = 32
"""Items from whose seconds the time left is told."""


@dataclass(frozen=True, slots=True)
class JudgementStatus:
    """What one judge has done: `items` it has answered about; its scores, where there are any that hold.

    `problem` says why there are none, and is None where there are or judging goes on.
    """

    judge: str
    under_way: bool
    items: int
    corrected: float | None
    official: float | None
    partial: str | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run, or a folder of results about images made elsewhere (`record` None).

    `done` of `expected` items have images, `failed` maps those that could not be made to the error. `seconds_left` is
    what the rest takes at the pace of the last items, None if nothing is under way. `problem` says what is damaged.
    """

    run: RunDir
    state: State
    record: RunRecord | None
    source: SourceRecord | None
    images: Path | None
    done: int
    expected: int | None
    failed: Mapping[str, str]
    seconds_left: float | None
    judgements: tuple[JudgementStatus, ...]
    problem: str | None

    @property
    def model(self) -> str | None:
        """The model's name, where it is known."""
        if self.record is not None:
            return str(self.record.settings.get("model"))
        return self.source.model if self.source is not None else None

    @property
    def suite(self) -> str | None:
        """The suite's name, where it is known."""
        if self.record is not None:
            return self.record.suite.name
        return self.source.suite if self.source is not None else None


def is_results(folder: Path) -> bool:
    """Whether `folder` holds a run, or results about images made elsewhere."""
    run = RunDir(folder)
    known = run.record_file.exists() or run.source_file.exists() or run.judgements.is_dir()
    return known or is_held(folder)


def _at_work(place: RunDir | JudgementDir) -> bool:
    """Whether a process is at work there, alone or on a share."""
    return is_held(place.path) or any(is_held(shard.path) for shard in shards_in(place.shards))


def find_statuses(folders: Sequence[Path]) -> tuple[RunStatus, ...]:
    """The status of every run right below `folders`, the newest last.

    Raises BadInputError for a folder that isn't there.
    """
    found = []
    for folder in folders:
        if not folder.is_dir():
            raise BadInputError(f"There is no folder {folder}. Name a folder of runs.")
        found += [one for one in folder.iterdir() if one.is_dir() and is_results(one)]
    found.sort(key=lambda one: max(file.lstat().st_mtime_ns for file in (one, *one.glob("*.json"))))
    return tuple(map(run_status, found))


def run_status(folder: Path) -> RunStatus:
    """How far the run in `folder` is. What is damaged is told as its `problem`, not raised.

    Raises BadInputError if there is neither a run nor a result.
    """
    if not is_results(folder):
        raise BadInputError(f"{folder} holds no run and no results. `dpgbench runs` lists those under runs/.")
    run = RunDir(folder)
    record, source, images = None, None, None
    problem: str | None = None
    try:
        record, source = run.read_record(), read_source(run)
        images = images_of(run)
    except BadInputError as error:
        problem = error.message
    lines = _last_lines(run)
    failed = {item: str(line["error"]) for item, line in lines.items() if "error" in line}
    expected = None if record is None else len(record.suite.items or range(record.suite.prompts))
    state = _state(run, record)
    known = (line.get("seconds") for line in lines.values())
    seconds = [one for one in known if isinstance(one, int | float)][-_RECENT:]
    left = (expected or 0) - len(lines)
    return RunStatus(
        run=run,
        state=state,
        record=record,
        source=source,
        images=images,
        done=len(lines) - len(failed),
        expected=expected,
        failed=failed,
        seconds_left=left * fmean(seconds) if state == "under way" and seconds and left > 0 else None,
        judgements=tuple(
            _judgement(name, place) for name, place in run.judged().items() if place.begun or _at_work(place)
        ),
        problem=problem,
    )


def _state(run: RunDir, record: RunRecord | None) -> State:
    if _at_work(run):
        return "under way"
    if record is None:
        return "made elsewhere"
    return "stopped" if record.status == "running" else record.status


def _last_lines(run: RunDir) -> dict[str, dict[str, object]]:
    lines: dict[str, dict[str, object]] = {}
    for log in run.generation_logs:
        try:
            for line in read_jsonl(log):
                before = lines.pop(str(line.get("item_id")), None)  # the last counts, and stands where it was made
                made_elsewhere = before is not None and "error" not in before and log != run.generation_log
                lines[str(line.get("item_id"))] = before if before is not None and made_elsewhere else line
        except (BadInputError, OSError):  # damaged: what was read until then is shown, and `run` says what is wrong
            continue
    return lines


def _judgement(name: str, place: JudgementDir) -> JudgementStatus:
    under_way = _at_work(place)
    card: Scorecard | None = None
    problem: str | None = None
    if place.scorecard.exists() and not under_way:
        try:
            found = read_scorecard(place.scorecard)
            changed = misfit(found, place, images=False)  # a list of runs is there at once
            card = found if changed is None else None
            problem = f"its scores no longer fit: {changed}; score it again" if changed is not None else None
        except BadInputError as error:
            problem = error.message
    elif not under_way:
        problem = "not scored yet: judging was stopped, and goes on with the same command"
    items: set[str] = set()
    try:
        items.update(line.item_id for log in place.answer_logs for _, line in read_answer_lines(log))
    except BadInputError as error:
        problem = problem or error.message
    scores = {protocol: card[protocol] for protocol in (CORRECTED, OFFICIAL)} if card is not None else {}
    return JudgementStatus(
        judge=name,
        under_way=under_way,
        items=len(items),
        corrected=scores[CORRECTED].overall if scores else None,
        official=scores[OFFICIAL].overall if scores else None,
        partial=_partial(card) if card is not None else None,
        problem=problem,
    )


def _partial(card: Scorecard) -> str | None:
    scores = card[CORRECTED]
    if not scores.complete:
        return f"{scores.prompts_scored} of {scores.prompts_expected} prompts"
    return scores.partial
