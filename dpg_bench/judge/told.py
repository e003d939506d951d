"""What a judging leaves beside its answers: the questions that the judge left open, and what asking came to."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import Any

from dpg_bench.files.durable import JsonlLog, read_jsonl
from dpg_bench.files.run_folder import JudgementDir, is_held, shards_in
from dpg_bench.records import Prompt

_MOST = 2**53


def open_line(prompt: Prompt, image: int, proposition_id: int, why: str) -> dict[str, Any]:
    """What `failures.jsonl` says of a question that the judge gave no answer to."""
    return {"item_id": prompt.item_id, "image": image, "proposition_id": proposition_id, "error": why}


def open_text(prompt: Prompt, lines: Sequence[Mapping[str, Any]]) -> str:
    """In words: the first of an item's open questions, and how many more there are."""
    texts = {question.proposition_id: question.text for question in prompt.questions}
    first = lines[0]
    number = first.get("proposition_id")
    more = f", and {len(lines) - 1} more" if len(lines) > 1 else ""
    text = texts.get(number, "") if isinstance(number, int) else ""
    return f"question {number} about image {first.get('image')} ('{text:.60}'): {first.get('error')}{more}"


def usage_line(spent: Mapping[str, float]) -> dict[str, Any]:
    """What `usage.jsonl` says of a call; its name has it counted once wherever the line is copied to."""
    return {"call": secrets.token_hex(8), **spent}


def summed_usage(lines: Iterable[Mapping[str, Any]]) -> dict[str, float]:
    """All lines of `usage.jsonl` added up, key by key; what can't be a count or a cost is nothing."""
    sums: dict[str, float] = {}
    for line in _each_call_once(lines):
        for name, value in line.items():
            if isinstance(value, (int, float)) and 0 <= value < _MOST:
                sums[name] = sums.get(name, 0) + value
    return sums


def take_over_usage(place: JudgementDir) -> None:
    """Add to the judgement's own what the processes that shared it, and have ended, came to. For who holds its lock."""
    spent = [shard.usage for shard in shards_in(place.shards) if shard.usage.exists() and not is_held(shard.path)]
    if spent:
        ours = list(_each_call_once(read_jsonl(place.usage)))
        lines = list(_each_call_once(chain(ours, *map(read_jsonl, spent))))
        with JsonlLog(place.usage) as log:
            log.append(*lines[len(ours) :])
        for file in spent:
            file.unlink()


def _each_call_once(lines: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    """A line that was copied, and whose first place a kill left there, isn't said again."""
    seen: set[str] = set()
    for line in lines:
        call = line.get("call")
        if isinstance(call, str):
            if call in seen:
                continue
            seen.add(call)
        yield line
