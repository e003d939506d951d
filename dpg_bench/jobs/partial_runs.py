"""Parts of one run that lie in folders of their own, as several people made them, are laid together into one folder."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.answer_lines import AnswerLine, read_answer_lines, write_answer_lines
from dpg_bench.files.contents import file_digests
from dpg_bench.files.differences import find_differences, first_difference
from dpg_bench.files.durable import disk_errors, read_jsonl, write_atomic, write_jsonl
from dpg_bench.files.image_content import read_image_file
from dpg_bench.files.item_names import file_stem
from dpg_bench.files.judgement_record import JudgementRecord, read_judgement_record
from dpg_bench.files.reading import read_content
from dpg_bench.files.run_folder import JudgementDir, RunDir, is_held, lock_alone, shards_in
from dpg_bench.files.run_record import RunRecord
from dpg_bench.files.shard_record import ShardRecord, write_shard_record
from dpg_bench.jobs.merge import MergeResult, judged_by, merge_shards
from dpg_bench.score.scorecard import read_scorecard
from dpg_bench.suite.registry import load_suite

_SHOWN = 5


@dataclass(slots=True)
class _Part:
    """One folder: its record, and by item the lines that hold with the digest of the image that is there."""

    run: RunDir
    record: RunRecord
    made: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    failed: dict[str, Mapping[str, Any]] = field(default_factory=dict)


def merge_runs(
    folders: Sequence[Path], out: Path, *, suite: str | None = None, first_wins: bool = False
) -> MergeResult:
    """Lay the runs in `folders` together into `out`, with their judges' answers; the folders stay as they are.

    They must be of one suite, with the same settings and weights. Where two hold different images of one item, or
    different answers about the same image, that is an error which names them; with `first_wins` the folder that is
    named first has it. A run that is in `out` already comes before all others.

    Raises BadInputError for that, for folders that hold no run or are being worked on, and what `merge_shards` raises.
    """
    places = [RunDir(out)] if RunDir(out).record_file.exists() else []
    places += [RunDir(folder) for folder in folders if folder.resolve() != out.resolve()]
    if out.exists() and not places[0].path == out and not _only_begun(out):
        raise BadInputError(f"{out} is there and holds no run. Name a new folder with {option('out')}.")
    parts = [_read(place) for place in places]
    for part in parts[1:]:
        _check_same_run(parts[0], part)
    conflicts = [*_image_conflicts(parts), *_judge_conflicts(parts)]
    conflicts += _answer_conflicts(parts)
    if conflicts and not first_wins:
        shown = "; ".join(conflicts[:_SHOWN]) + (f"; and {len(conflicts) - _SHOWN} more" if conflicts[_SHOWN:] else "")
        raise BadInputError(
            f"The folders differ where they should be one: {shown}. Leave one of them out, or have the folder that is "
            f"named first win: {option('first_wins', True)}."
        )
    into = RunDir(out)
    with lock_alone(out), disk_errors(out):
        _lay_images(parts, into, _record(parts, into, suite))
        for name in sorted({name for part in parts for name in part.run.judged()}):
            _lay_judgements(parts, into, name)
    return merge_shards(out, suite=suite)


def _only_begun(out: Path) -> bool:
    """Whether there is nothing but what a merge leaves that was killed before it wrote the run's record."""
    own = re.compile(rf"\.lock|\.{re.escape(RunDir(out).record_file.name)}\..*\.part")
    return out.is_dir() and all(own.fullmatch(file.name) for file in out.iterdir())


def _read(place: RunDir) -> _Part:
    record = place.read_record()
    if record is None:
        raise BadInputError(f"{place.path} holds no run ({place.record_file.name} isn't there). Name folders of runs.")
    if is_held(place.path):
        raise BadInputError(f"{place.path} is in use by another process. Wait until it ends.")
    part = _Part(place, record)
    lines = [
        line
        for log in place.generation_logs
        for line in read_jsonl(log)
        if line.get("fingerprint") == record.fingerprint and isinstance(line.get("item_id"), str)
    ]
    digests = file_digests(place.image(line["item_id"]) for line in lines if "error" not in line)
    for line in lines:
        item_id = line["item_id"]
        if "error" in line:
            part.failed[item_id] = line
        elif digests.get(place.image(item_id)) == line.get("image_sha256"):
            part.made[item_id] = line
    for item_id in part.made:
        part.failed.pop(item_id, None)
    return part


def _check_same_run(first: _Part, other: _Part) -> None:
    places = f"{first.run.path} and {other.run.path}"
    if first.record.suite.digest != other.record.suite.digest:
        raise BadInputError(
            f"{places} are of different suites: '{first.record.suite.name}' ({first.record.suite.digest[:12]}) and "
            f"'{other.record.suite.name}' ({other.record.suite.digest[:12]})."
        )
    difference = first_difference(first.record.settings, other.record.settings)
    difference = difference or first_difference(first.record.generator, other.record.generator)
    if difference or first.record.fingerprint != other.record.fingerprint:
        raise BadInputError(f"{places} were made differently: {difference or 'their fingerprints differ'}.")


def _image_conflicts(parts: Sequence[_Part]) -> Iterator[str]:
    first: dict[str, _Part] = {}
    for part in parts:
        for item_id, line in part.made.items():
            holder = first.setdefault(item_id, part)
            if holder.made[item_id].get("image_sha256") != line.get("image_sha256"):
                yield f"the image of '{item_id}' in {holder.run.path} and in {part.run.path}"


def _judge_conflicts(parts: Sequence[_Part]) -> Iterator[str]:
    first: dict[str, tuple[JudgementDir, JudgementRecord]] = {}
    for part in parts:
        for name, place in part.run.judged().items():
            if not place.record_file.exists():
                continue
            record = read_judgement_record(place.record_file)
            where, before = first.setdefault(name, (place, record))
            if before.judge_fingerprint != record.judge_fingerprint:
                changed = find_differences(before.judge, record.judge)
                what = str(changed[0]) if changed else "fingerprints"
                yield f"the judge {name} in {where.path} and in {place.path} ({what})"


def _answer_conflicts(parts: Sequence[_Part]) -> Iterator[str]:
    for name in sorted({name for part in parts for name in part.run.judged()}):
        first: dict[tuple[Any, ...], tuple[Path, str]] = {}
        for part in parts:
            for log in part.run.judgement(name).answer_logs:
                for _, line in read_answer_lines(log):
                    key = (line.item_id, line.image, line.proposition_id, line.question, line.image_sha256)
                    where, answer = first.setdefault(key, (part.run.path, line.answer))
                    if answer != line.answer and where != part.run.path:
                        yield (
                            f"the answer of {name} to question {line.proposition_id} about image {line.image} of "
                            f"'{line.item_id}' ('{answer[:20]}' in {where}, '{line.answer[:20]}' in {part.run.path})"
                        )


def _record(parts: Sequence[_Part], into: RunDir, suite: str | None) -> RunRecord:
    """The first part's record, about the items of all, with the seconds of those that lie there already."""
    first = parts[0].record
    named = load_suite(suite or first.suite.name)
    whole = named.whole or named
    chosen = [part.record.suite.items for part in parts]
    every = None if None in chosen else {item_id for items in chosen for item_id in items or ()}
    items = [item_id for item_id in whole.by_id if every is None or item_id in every]
    return first.model_copy(
        update={
            "suite": first.suite.model_copy(update={"items": None if len(items) == len(whole.by_id) else items}),
            "seconds": first.seconds if parts[0].run.path == into.path else 0.0,
            "started": min(part.record.started for part in parts),
            "status": "running",
            "failed_items": [],
            "remarks": list(dict.fromkeys(text for part in parts for text in part.record.remarks)),
        }
    )


def _lay_images(parts: Sequence[_Part], into: RunDir, record: RunRecord) -> None:
    into.write_record(record)
    taken: set[str] = set()
    for part in parts:
        mine = {item_id: line for item_id, line in part.made.items() if item_id not in taken}
        taken |= mine.keys()
        if part.run.path == into.path:
            continue
        for item_id in mine:
            write_atomic(into.image(item_id), read_image_file(part.run.image(item_id)))
        others = [line for item_id, line in part.failed.items() if item_id not in taken]
        if mine or others:
            write_jsonl(into.shard(_new_name(into, part)).generation_log, [*mine.values(), *others])
        if mine:  # a part that lies there from a merge that was killed counted then
            record = record.model_copy(update={"seconds": round(record.seconds + part.record.seconds, 3)})
            into.write_record(record)


def _lay_judgements(parts: Sequence[_Part], into: RunDir, name: str) -> None:
    place = into.judgement(name)
    held: set[tuple[str, int]] = set()
    fingerprint: str | None = None
    for part in parts:
        source = part.run.judgement(name)
        if not source.record_file.exists():
            continue
        record = read_judgement_record(source.record_file)
        fingerprint = fingerprint or record.judge_fingerprint
        if record.judge_fingerprint != fingerprint:
            continue  # another judge's, and the first wins
        lines = list(_lines(source))
        mine = [line for line in lines if (line.item_id, line.image) not in held]
        held |= {(line.item_id, line.image) for line in mine}
        if part.run.path == into.path:
            continue
        if not place.record_file.exists():
            write_atomic(place.record_file, read_content(source.record_file))
        failures = list(read_jsonl(source.failures))
        if place.scorecard.exists() and not mine and not failures:
            continue
        shard = place.shard(_new_name(place, part))
        judge = _judge_of(source)
        if judge is not None:
            write_shard_record(shard, judge)
        write_jsonl(shard.failures, failures)
        write_answer_lines(shard.answers, mine)


def _lines(source: JudgementDir) -> Iterator[AnswerLine]:
    for log in source.answer_logs:
        for _, line in read_answer_lines(log):
            yield line


def _judge_of(source: JudgementDir) -> ShardRecord | None:
    """What is known of the judge there: from its scorecard, or from who shared the judging."""
    if source.scorecard.exists():
        return ShardRecord(judge=read_scorecard(source.scorecard).judge.model_dump(mode="json"))
    found = judged_by(source)
    return ShardRecord(judge=found.judge) if found is not None else None


def _new_name(into: RunDir | JudgementDir, part: _Part) -> str:
    """Of the folder that a part's lines go to: what a merge that was killed laid there is never written over."""
    taken = {shard.path.name for shard in shards_in(into.shards)}
    names = (file_stem(f"{number}-{part.run.path.resolve().name}")[:80] for number in itertools.count())
    return next(name for name in names if name not in taken)
