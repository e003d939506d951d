"""WebDataset shards: tar files whose members of one stem are a pair, read as streams."""

from __future__ import annotations

import glob
import json
import random
import tarfile
from collections.abc import Callable, Iterator
from pathlib import PurePosixPath

import fsspec

from ella_models.errors import EllaError
from ella_models.training.config import DataSection
from ella_models.training.pairs import IMAGE_SUFFIXES, Pair, mixed

_LARGEST = 1 << 28  # bytes of a pair's members, which are read at once


class ShardPairs:
    """The pairs of WebDataset shards, whose order is shuffled and which are mixed within a window.

    The caption is the member `.txt` (or `.caption`), or the entry `caption_column` (or `caption`) of the member
    `.json`. A shard that breaks off is told to `broken(name, reason)`; what came before in it counts.
    """

    def __init__(self, data: DataSection, seed: int, broken: Callable[[str, str], None]) -> None:
        self._data, self._seed, self._broken = data, seed, broken
        self._shards: list[str] = []
        for pattern in data.shards:
            found = [pattern] if "://" in pattern else sorted(glob.glob(pattern, recursive=True))  # noqa: PTH207
            if not found:
                raise EllaError(f"No WebDataset shard is there as '{pattern}'.")
            self._shards += found

    def pairs(self, epoch: int | None, *, start: int = 0) -> Iterator[Pair]:
        """As `PairSource` says."""
        shards = list(self._shards)
        if epoch is not None:
            random.Random(f"{self._seed} {epoch}").shuffle(shards)  # noqa: S311 - an order, no secret
        stream = (pair for shard in shards for pair in self._read(shard))
        for number, pair in enumerate(mixed(stream, self._data.shuffle_buffer, self._seed, epoch)):
            if number >= start:
                yield pair

    def _read(self, shard: str) -> Iterator[Pair]:
        name = PurePosixPath(shard).name
        try:
            with fsspec.open(shard, "rb") as file, tarfile.open(fileobj=file, mode="r|*") as archive:
                stem, members, held = "", dict[str, bytes](), 0
                for member in archive:
                    if not member.isfile():
                        continue
                    path = PurePosixPath(member.name)
                    # WebDataset splits at the first dot of the file's name
                    first, _, suffix = path.name.partition(".")
                    this = (path.parent / first).as_posix()
                    if this != stem:
                        yield from self._pair(name, stem, members)
                        stem, members, held = this, {}, 0
                    held += member.size
                    if held > _LARGEST:
                        raise OSError(f"the members of '{this}' have {held} bytes, more than any picture")
                    content = archive.extractfile(member)
                    members[f".{suffix.lower()}"] = b"" if content is None else content.read()
                yield from self._pair(name, stem, members)
        except (tarfile.TarError, EOFError, OSError) as error:
            self._broken(shard, f"the shard breaks off: {error}")

    def _pair(self, shard: str, stem: str, members: dict[str, bytes]) -> Iterator[Pair]:
        image = next((content for suffix, content in members.items() if suffix in IMAGE_SUFFIXES), None)
        if members:
            yield Pair(f"{shard}/{stem}", image, self._caption(members))

    def _caption(self, members: dict[str, bytes]) -> str | None:
        for suffix in (".txt", ".caption"):
            if suffix in members:
                return _text(members[suffix])
        try:
            entries = json.loads(members.get(".json", b"null"))
        except (ValueError, RecursionError):
            return None
        if not isinstance(entries, dict):
            return None
        caption = entries.get(self._data.caption_column, entries.get("caption"))
        return caption if isinstance(caption, str) else None


def _text(content: bytes) -> str | None:
    try:
        return content.decode("utf-8").strip()
    except UnicodeDecodeError:
        return None
