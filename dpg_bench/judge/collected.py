"""What several processes have answered, taken together: by whoever is the last, without asking anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dpg_bench.files.clearing import clear_shards
from dpg_bench.files.contents import file_digests
from dpg_bench.files.durable import clear_parts, disk_errors, read_jsonl, write_jsonl
from dpg_bench.files.images import ImageFolder, ItemFiles
from dpg_bench.files.run_folder import JudgementDir, shards_in
from dpg_bench.judge.answer_log import AnswerLog
from dpg_bench.judge.stage import JudgingOutcome
from dpg_bench.judge.told import open_text, summed_usage, take_over_usage
from dpg_bench.records import Prompt


def collect_answers(
    prompts: Sequence[Prompt], images: ImageFolder, place: JudgementDir, *, fingerprint: str
) -> JudgingOutcome | int:
    """All answers about the images as they are, or how many items nobody has judged yet.

    If all are judged, `place` then holds them in the order of `prompts`; `clear_collected` is for when they are scored.
    For whoever holds its lock.

    Raises BadInputError if an answer is damaged or by another judge, DpgBenchError if the disk is full.
    """
    mine, *others = place.answer_logs
    log = AnswerLog(mine, prompts, fingerprint=fingerprint, others=others)
    asked = [prompt for prompt in prompts if prompt.item_id in images.items and prompt.questions]
    told = _failures(place)
    answered = {
        prompt.item_id: digests
        for prompt in asked
        if (digests := log.complete_digests(prompt, images.images_per_prompt)) is not None
    }
    left = sum(prompt.item_id not in answered and prompt.item_id not in told for prompt in asked)
    if left:
        return left
    now = item_digests([images.items[item_id] for item_id in answered], images.images_per_prompt)
    changed = {item_id for item_id, digests in answered.items() if now[item_id] != digests}
    left = len(changed - set(told))
    if left:
        return left
    whole = {item_id: digests for item_id, digests in answered.items() if item_id not in changed}
    left_open = {item_id: lines for item_id, lines in told.items() if item_id not in whole and _is_open(lines)}
    failed = {item_id: lines for item_id, lines in told.items() if item_id not in whole and item_id not in left_open}
    partly = item_digests(
        [images.items[item_id] for item_id in left_open if item_id in images.items], images.images_per_prompt
    )
    digests_of = {**whole, **partly}
    kept_lines = [line for prompt in asked for line in (left_open | failed).get(prompt.item_id, ())]
    with disk_errors(place.path):
        log.put_in_order()
        if kept_lines:
            write_jsonl(place.failures, kept_lines)
        else:
            place.failures.unlink(missing_ok=True)
        take_over_usage(place)
    ordered = [prompt for prompt in asked if prompt.item_id in digests_of]
    return JudgingOutcome(
        answers={
            prompt.item_id: {
                k: log.valid(prompt.item_id, k, digest) for k, digest in enumerate(digests_of[prompt.item_id])
            }
            for prompt in ordered
        },
        p_yes={
            prompt.item_id: {
                k: log.p_yes(prompt.item_id, k, digest) for k, digest in enumerate(digests_of[prompt.item_id])
            }
            for prompt in ordered
        },
        failed={
            prompt.item_id: str(failed[prompt.item_id][-1].get("error")) for prompt in asked if prompt.item_id in failed
        },
        missing={
            **images.missing,
            **{p.item_id: open_text(p, left_open[p.item_id]) for p in asked if p.item_id in left_open},
        },
        asked=0,
        kept=sum(len(prompt.questions) * len(digests_of[prompt.item_id]) for prompt in ordered),
        usage=summed_usage(read_jsonl(place.usage)),
    )


def clear_collected(place: JudgementDir) -> None:
    """Delete the folders of the processes that have ended, once what they say of the judge stands in the scorecard.

    For whoever holds the lock. Raises DpgBenchError if they can't be.
    """
    with disk_errors(place.path):
        clear_shards(place.shards)
        if not shards_in(place.shards):
            clear_parts(place.path)


_Lines = tuple[Mapping[str, object], ...]


def _failures(place: JudgementDir) -> dict[str, _Lines]:
    """By item id, what the process that was at it last said of why it could not be judged, or not whole."""
    found: dict[str, _Lines] = {}
    for file in (place.failures, *(shard.failures for shard in shards_in(place.shards))):
        own: dict[str, _Lines] = {}
        for line in read_jsonl(file):
            item_id = str(line.get("item_id"))
            own[item_id] = (*own.get(item_id, ()), line)
        found.update(own)
    return found


def _is_open(lines: _Lines) -> bool:
    """Whether the judge was asked, and left questions open."""
    return all("proposition_id" in line for line in lines)


def item_digests(items: Sequence[ItemFiles], images_per_prompt: int) -> dict[str, tuple[str, ...]]:
    """By item id, for each image the digest of the file that it is in; shorter where a file can't be read."""
    found = file_digests(file for item in items for file in item.files)
    return {
        item.item_id: tuple(
            found[file] for file in item.files if file in found for _ in range(images_per_prompt // len(item.files))
        )
        for item in items
    }
