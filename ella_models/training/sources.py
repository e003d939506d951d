"""The source of pairs that a configuration names, and the pairs that had to be left out."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import islice
from pathlib import Path
from typing import TypeVar

from ella_models.errors import EllaError
from ella_models.training.config import DataSection
from ella_models.training.files import append_line, mend_log, read_lines
from ella_models.training.images import Picture, SkippedPair, picture_of
from ella_models.training.pairs import DatasetPairs, FolderPairs, Pair, PairSource, RecaptionedPairs
from ella_models.training.shards import ShardPairs

Numbered = TypeVar("Numbered")


class SkippedPairs:
    """The pairs that were left out, each once, with its reason: counted, and written to a log if there is one."""

    def __init__(self, log: Path | None) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._reasons: dict[str, str] = {}
        if log is not None:
            mend_log(log)
            self._reasons = {record["key"]: record["reason"] for record in read_lines(log, key=str, reason=str)}

    def add(self, key: str, reason: str) -> None:
        """Note that a pair was left out."""
        with self._lock:
            if self._reasons.get(key) == reason:
                return
            self._reasons[key] = reason
            if self._log is not None:
                append_line(self._log, {"key": key, "reason": reason})

    def items(self) -> list[tuple[str, str]]:
        """Keys and reasons, in the order of their finding."""
        return list(self._reasons.items())

    def __len__(self) -> int:
        return len(self._reasons)

    def __str__(self) -> str:
        shown = [f"{key} ({reason})" for key, reason in islice(self._reasons.items(), 3)]
        more = f" and {len(self) - len(shown)} more" if len(self) > len(shown) else ""
        return "; ".join(shown) + more


def pair_source(data: DataSection, *, seed: int, skipped: SkippedPairs) -> PairSource:
    """The pairs that `data` names.

    Raises EllaError if it names none, or they aren't there.
    """
    if data.captions is None:
        return _source(data, seed, skipped)
    captions = read_captions(data.captions)
    return RecaptionedPairs(_source(data.model_copy(update={"caption_column": ""}), seed, skipped), captions)


def read_captions(file: Path) -> dict[str, str]:
    """The captions of a file that `ella caption` wrote, by the pairs' keys.

    Raises EllaError if it isn't there or holds none.
    """
    if not file.is_file():
        raise EllaError(f"There is no file '{file}' of captions; `ella caption` writes one.")
    captions = {
        record["image"]: record["caption"]
        for record in read_lines(file)
        if isinstance(record.get("image"), str) and isinstance(record.get("caption"), str)
    }
    if not captions:
        raise EllaError(f"'{file}' holds no captions (lines with image and caption, as `ella caption` writes them).")
    return captions


def _source(data: DataSection, seed: int, skipped: SkippedPairs) -> PairSource:
    if data.dataset is not None:
        return DatasetPairs(data, seed)
    if data.shards:
        return ShardPairs(data, seed, skipped.add)
    if data.folder is not None:
        return FolderPairs(data.folder, seed)
    raise EllaError("data names no pairs: give dataset, shards or folder.")


def pictures(
    pairs: Iterable[tuple[Numbered, Pair]], data: DataSection, *, skipped: SkippedPairs
) -> Iterator[tuple[Numbered, Picture | None]]:
    """Decode pairs in threads, in order and a little ahead; one that must be left out is noted, and comes as `None`."""

    def decode(pair: Pair) -> Picture | None:
        try:
            return picture_of(pair, data)
        except SkippedPair as reason:
            skipped.add(pair.key, str(reason))
            return None

    with ThreadPoolExecutor(data.workers) as pool:
        ahead: list[tuple[Numbered, Future[Picture | None]]] = []
        try:
            for number, pair in pairs:
                ahead.append((number, pool.submit(decode, pair)))
                if len(ahead) > 4 * data.workers:
                    first, picture = ahead.pop(0)
                    yield first, picture.result()
            for first, picture in ahead:
                yield first, picture.result()
        finally:
            for _, picture in ahead:
                picture.cancel()
