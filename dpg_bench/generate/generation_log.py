"""`generation.jsonl`: one line per item that was made or failed, the last line of an item being the one that counts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from dpg_bench.files.durable import read_jsonl
from dpg_bench.files.run_folder import RunDir
from dpg_bench.generate.plan import ItemPlan
from dpg_bench.hub.digests import sha256_of


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

    An item is done if the log holds it with the same prompt, seeds and settings, and its file has the digest
    logged; whatever else is there under its name is made again.
    """
    last = last_lines(run)
    return {item.prompt.item_id: _state(run, item, fingerprint, last.get(item.prompt.item_id)) for item in items}


def failed_items(run: RunDir, fingerprint: str) -> dict[str, str]:
    """The items that could not be made, with the reason."""
    return {
        item_id: f"generation failed: {line['error']}"
        for item_id, line in last_lines(run).items()
        if line.get("fingerprint") == fingerprint and "error" in line
    }


def made_digests(run: RunDir, fingerprint: str) -> dict[str, str]:
    """The SHA-256 (hex) of the grids that were made, by item id."""
    return {
        item_id: str(line["image_sha256"])
        for item_id, line in last_lines(run).items()
        if line.get("fingerprint") == fingerprint and line.get("image_sha256")
    }


def last_lines(run: RunDir) -> dict[str, dict[str, Any]]:
    """The line of every item that counts, by item id. Raises BadInputError for a damaged line."""
    return {str(line.get("item_id")): line for line in read_jsonl(run.generation_log)}


def _state(run: RunDir, item: ItemPlan, fingerprint: str, line: dict[str, Any] | None) -> ItemState:
    if line is None or line.get("fingerprint") != fingerprint:
        return ItemState.NEW
    if "error" in line:
        return ItemState.FAILED
    same = line.get("seeds") == list(item.seeds) and line.get("prompt_sha256") == text_digest(item.prompt.text)
    file = run.image(item.prompt.item_id)
    if not same or not file.is_file():
        return ItemState.NEW
    return ItemState.DONE if sha256_of(file) == line.get("image_sha256") else ItemState.NEW


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
