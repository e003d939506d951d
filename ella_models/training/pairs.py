"""Image-text pairs, from a folder, a `datasets` dataset or WebDataset shards, in an order that a seed decides."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from ella_models.errors import EllaError
from ella_models.reading import read_text
from ella_models.training.config import DataSection

IMAGE_SUFFIXES = frozenset({".png", ".jpg", ".jpeg", ".webp", ".bmp"})
_LONGEST_CAPTION = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class Pair:
    """An image that has not been decoded yet, with its caption.

    `image` is a file, its bytes, or an open PIL image; `key` names the pair for people; `caption` is `None` where it is
    missing, or is no UTF-8.
    """

    key: str
    image: Any
    caption: str | None


class PairSource(Protocol):
    """Pairs that can be walked through again and again."""

    def pairs(self, epoch: int | None, *, start: int = 0) -> Iterator[Pair]:
        """The pairs from the `start`-th on, in the order of an epoch; `None` is the source's own order.

        The same epoch always gives the same order.
        """


def shuffled(count: int, seed: int, epoch: int | None) -> list[int]:
    """The numbers below `count` in an epoch's order."""
    order = list(range(count))
    if epoch is not None:
        random.Random(f"{seed} {epoch}").shuffle(order)  # noqa: S311 - an order, no secret
    return order


def mixed(stream: Iterator[Pair], buffer: int, seed: int, epoch: int | None) -> Iterator[Pair]:
    """A stream's pairs mixed within a window of `buffer`, in an order that seed and epoch decide."""
    if epoch is None:
        yield from stream
        return
    draw = random.Random(f"{seed} {epoch}")  # noqa: S311 - an order, no secret
    waiting: list[Pair] = []
    for pair in stream:
        if len(waiting) < buffer:
            waiting.append(pair)
            continue
        place = draw.randrange(buffer)
        yield waiting[place]
        waiting[place] = pair
    draw.shuffle(waiting)
    yield from waiting


class RecaptionedPairs:
    """Pairs whose captions come from elsewhere, by their keys."""

    def __init__(self, source: PairSource, captions: Mapping[str, str]) -> None:
        self._source, self._captions = source, captions

    def pairs(self, epoch: int | None, *, start: int = 0) -> Iterator[Pair]:
        """As `PairSource` says."""
        for pair in self._source.pairs(epoch, start=start):
            yield Pair(pair.key, pair.image, self._captions.get(pair.key))


class FolderPairs:
    """Images anywhere under a folder, each with its caption in a `.txt` of the same stem."""

    def __init__(self, folder: Path, seed: int) -> None:
        if not folder.is_dir():
            raise EllaError(f"There is no folder '{folder}' of images.")
        self._folder, self._seed = folder, seed
        self._files = sorted(path for path in folder.rglob("*") if path.suffix.lower() in IMAGE_SUFFIXES)
        if not self._files:
            raise EllaError(f"The folder '{folder}' holds no images ({', '.join(sorted(IMAGE_SUFFIXES))}).")

    def pairs(self, epoch: int | None, *, start: int = 0) -> Iterator[Pair]:
        """As `PairSource` says."""
        for number in shuffled(len(self._files), self._seed, epoch)[start:]:
            file = self._files[number]
            beside = file.with_suffix(".txt")
            yield Pair(file.relative_to(self._folder).as_posix(), file, _caption(beside) if beside.is_file() else None)


def _caption(file: Path) -> str | None:
    try:
        return read_text(file, most=_LONGEST_CAPTION).strip()
    except (UnicodeDecodeError, EllaError):
        return None


class DatasetPairs:
    """The rows of a `datasets` dataset, from the Hub, a folder that it reads, or one that `save_to_disk` wrote."""

    def __init__(self, data: DataSection, seed: int) -> None:
        import datasets

        name = str(data.dataset)
        self._data, self._seed = data, seed
        try:
            if (Path(name) / "state.json").is_file() or (Path(name) / "dataset_dict.json").is_file():
                loaded = datasets.load_from_disk(name)
                loaded = loaded[data.split] if isinstance(loaded, datasets.DatasetDict) else loaded
            else:
                loaded = datasets.load_dataset(name, data.subset, split=data.split, streaming=data.streaming)
        except (OSError, ValueError, KeyError) as error:
            raise EllaError(f"The dataset '{name}' (split '{data.split}') could not be loaded: {error}") from error
        columns = loaded.column_names or []
        needed = {"image_column": data.image_column, "caption_column": data.caption_column}
        for option, column in needed.items():
            if column and column not in columns:
                raise EllaError(
                    f"The dataset '{name}' has no column '{column}'; set {option} to one of: {', '.join(columns)}."
                )
        loaded = loaded.select_columns([column for column in needed.values() if column])
        # undecoded, so that a broken image is met where it can be named
        self._rows = loaded.cast_column(data.image_column, datasets.Image(decode=False))
        self._size = None if isinstance(loaded, datasets.IterableDataset) else len(loaded)

    def pairs(self, epoch: int | None, *, start: int = 0) -> Iterator[Pair]:
        """As `PairSource` says."""
        if self._size is not None:
            for number in shuffled(self._size, self._seed, epoch)[start:]:
                yield self._pair(number, self._rows[number])
            return
        rows = (self._pair(number, row) for number, row in enumerate(self._rows))
        yield from _after(mixed(rows, self._data.shuffle_buffer, self._seed, epoch), start)

    def _pair(self, number: int, row: dict[str, Any]) -> Pair:
        image, caption = row[self._data.image_column], row.get(self._data.caption_column)
        content = None if image is None else image.get("bytes") or Path(image["path"])
        return Pair(f"row {number}", content, caption if isinstance(caption, str) else None)


def _after(stream: Iterator[Pair], start: int) -> Iterator[Pair]:
    for number, pair in enumerate(stream):
        if number >= start:
            yield pair
