"""`generation.jsonl`: one line per item that was made or failed, the last line of an item being the one that counts.

Where several processes share a run, each has such a log of its own; an item is made if one of them made it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

from dpg_bench.errors import BadInputError
from dpg_bench.files.durable import read_jsonl, write_jsonl
from dpg_bench.files.run_folder import RunDir
from dpg_bench.generate.plan import ItemPlan
from dpg_bench.hub.digests import sha256_of

_Line = Mapping[str, Any]


class ItemState(Enum):
    """What an earlier process left of an item."""

    NEW = "new"
    DONE = "done"
    FAILED = "failed"


def text_digest(text: str) -> str:
    """SHA-256 (hex) of a prompt's text."""
    return hashlib.sha256(text.encode()).hexdigest()


def item_states(run: RunDir, items: Iterable[ItemPlan], fingerprint: str) -> dict[str, ItemState]:
    """The state of every item, by item id.

    An item is done if a log holds it with the same prompt, seeds and settings, and its file has the digest
    logged; whatever else is there under its name is made again.
    """
    last = _last_lines(run)
    return {item.prompt.item_id: _state(run, item, fingerprint, last.get(item.prompt.item_id, ())) for item in items}


def logged_items(run: RunDir, fingerprint: str) -> set[str]:
    """The ids of all items that are logged as made or failed with these settings. Looks at no image."""
    return {
        item_id
        for item_id, lines in _last_lines(run).items()
        if any(line.get("fingerprint") == fingerprint for line in lines)
    }


def failed_items(run: RunDir, fingerprint: str) -> dict[str, str]:
    """The items that could not be made, with the reason."""
    return {
        item_id: f"generation failed: {line['error']}"
        for item_id, lines in _last_lines(run).items()
        if (line := _failure(lines, fingerprint)) is not None
    }


def made_digests(run: RunDir, fingerprint: str) -> dict[str, str]:
    """The SHA-256 (hex) of the grids that were made, by item id."""
    return {
        item_id: str(line["image_sha256"])
        for item_id, line in last_lines(run).items()
        if line.get("fingerprint") == fingerprint and line.get("image_sha256")
    }


def last_lines(run: RunDir) -> dict[str, _Line]:
    """The line of every item that counts, by item id. Raises BadInputError for a damaged line."""
    return {
        item_id: next((line for line in reversed(lines) if "error" not in line), lines[-1])
        for item_id, lines in _last_lines(run).items()
    }


def gather_logs(run: RunDir, items: Sequence[ItemPlan], fingerprint: str) -> None:
    """Make the run's log that of all processes: one line an item in the order of `items`, then what else there is.

    For whoever holds the run's lock. Raises OSError if it can't be written; then all logs are as they were.
    """
    last = _last_lines(run)
    counting = [
        line
        for item in items
        if (lines := last.pop(item.prompt.item_id, None)) and (line := _counting(run, item, lines, fingerprint))
    ]
    write_jsonl(run.generation_log, [*counting, *(line for lines in last.values() for line in lines)])


def _last_lines(run: RunDir) -> dict[str, tuple[_Line, ...]]:
    """By item id, the last line of every log that names the item."""
    found: dict[str, tuple[_Line, ...]] = {}
    for log in run.generation_logs:
        last = {str(line.get("item_id")): line for line in read_jsonl(log)}
        for item_id, line in last.items():
            if not isinstance(line.get("seeds") or [], list):
                raise BadInputError(
                    f"{log} is damaged: the seeds of '{item_id}' are {line['seeds']!r:.40}, not a list. Delete that "
                    "line to have the item made again."
                )
        for item_id, line in last.items():
            found[item_id] = (*found.get(item_id, ()), line)
    return found


def _failure(lines: Sequence[_Line], fingerprint: str) -> _Line | None:
    """The newest word on an item that nobody could make; None for others."""
    own = [line for line in lines if line.get("fingerprint") == fingerprint]
    return own[-1] if own and all("error" in line for line in own) else None


def _counting(run: RunDir, item: ItemPlan, lines: Sequence[_Line], fingerprint: str) -> _Line | None:
    """The line that stays of several: of who made the image that is there, else of who failed, else the last."""
    if len(lines) == 1:
        return lines[0]
    made = [line for line in lines if _state(run, item, fingerprint, [line]) is ItemState.DONE]
    return made[-1] if made else _failure(lines, fingerprint) or lines[-1]


def _state(run: RunDir, item: ItemPlan, fingerprint: str, lines: Sequence[_Line]) -> ItemState:
    own = [line for line in lines if line.get("fingerprint") == fingerprint]
    fitting = {
        line.get("image_sha256")
        for line in own
        if "error" not in line
        and line.get("seeds") == list(item.seeds)
        and line.get("prompt_sha256") == text_digest(item.prompt.text)
    }
    file = run.image(item.prompt.item_id)
    if fitting and file.is_file() and sha256_of(file) in fitting:
        return ItemState.DONE
    return ItemState.FAILED if any("error" in line for line in own) else ItemState.NEW


@dataclass(frozen=True, slots=True)
class FinishedItem:
    """What is logged of an item whose grid is on disk."""

    item: ItemPlan
    seconds: float
    image_sha256: str

    def line(self, fingerprint: str) -> dict[str, Any]:
        """Its line in the log."""
        return {
            "item_id": self.item.prompt.item_id,
            "seeds": list(self.item.seeds),
            "seconds": round(self.seconds, 4),
            "image_sha256": self.image_sha256,
            "prompt_sha256": text_digest(self.item.prompt.text),
            "fingerprint": fingerprint,
        }


@dataclass(frozen=True, slots=True)
class FailedItem:
    """What is logged of an item that could not be made."""

    item: ItemPlan
    error: str
    traceback: str

    def line(self, fingerprint: str) -> dict[str, Any]:
        """Its line in the log."""
        return {
            "item_id": self.item.prompt.item_id,
            "seeds": list(self.item.seeds),
            "error": self.error,
            "traceback": self.traceback,
            "fingerprint": fingerprint,
        }
