"""Examples that `ella precompute` wrote, in an order that seed and step alone decide.

A step's pairs, over all processes and passes, are of one size. The order of an epoch is drawn from the seed; each epoch
leaves out the few pairs that don't fill a last step. So where training stands is the number of its step, and several
processes or several passes read the same pairs as one process in one pass.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from pydantic import BaseModel, Field, ValidationError
from safetensors import SafetensorError, safe_open
from torch import Tensor

from ella_models.errors import EllaError
from ella_models.training.examples import Batch, Examples, State
from ella_models.training.files import read_json
from ella_models.training.images import Size
from ella_models.training.precomputing import EMPTY, INDEX, SCHEMA

logger = logging.getLogger(__name__)

IN_MEMORY_BYTES = 4 * 2**30
"""Features up to this size are read into memory once; larger ones are read from the mapped shards at every step."""


@dataclass(frozen=True, slots=True)
class StepShape:
    """How many pairs a step takes: per pass and process, passes, processes, and which process this one is."""

    batch_size: int
    accumulate: int
    processes: int
    process: int

    @property
    def pairs(self) -> int:
        """Pairs of a whole step."""
        return self.batch_size * self.accumulate * self.processes

    def rows(self, number: int) -> slice:
        """Where the pairs of this process' pass `number` (0-based) stand among the step's."""
        start = (number * self.processes + self.process) * self.batch_size
        return slice(start, start + self.batch_size)


class PrecomputedExamples:
    """The examples in a folder that `precompute` wrote.

    Raises EllaError if the folder isn't whole, was made with another text encoder or other options, or holds fewer
    pairs than one step takes.
    """

    def __init__(self, folder: Path, *, shape: StepShape, seed: int, hold_out: int, expected: dict[str, Any]) -> None:
        if not (folder / INDEX).is_file():
            begun = "isn't finished" if folder.is_dir() and any(folder.iterdir()) else "isn't there"
            raise EllaError(
                f"The precomputed folder '{folder}' {begun}: run `ella precompute` with this configuration."
            )
        index = read_json(folder / INDEX)
        if index.get("schema") != SCHEMA:
            raise EllaError(f"'{folder}' was precomputed by another version (schema {index.get('schema')}).")
        for name, value in expected.items():
            if index.get(name) != value:
                raise EllaError(
                    f"'{folder}' was precomputed with {name} {index.get(name)!r}, but the configuration says {value!r}."
                )
        told = _read_index(index, folder)
        self.text_encoder_digest = told.text_encoder_digest
        self.digest = hashlib.sha256((folder / INDEX).read_bytes()).hexdigest()
        self._shape, self._seed = shape, seed
        self.empty_text = _read_empty(folder / EMPTY)
        self._shards = _Shards(folder, told.shards)
        numbers = self._shards.numbers()
        self._held_out = {size: [n for n in some if n < hold_out] for size, some in numbers.items()}
        self._trained = {size: [n for n in some if n >= hold_out] for size, some in numbers.items()}
        self.steps_per_epoch = sum(len(some) // shape.pairs for some in self._trained.values())
        if not self.steps_per_epoch:
            most = max(map(len, self._trained.values()), default=0)
            raise EllaError(
                f"'{folder}' holds {most} pairs to train on of one size, fewer than the {shape.pairs} of a step "
                f"(batch_size {shape.batch_size} × accumulate {shape.accumulate} × processes {shape.processes})."
            )
        for size, some in self._trained.items():
            if 0 < len(some) < shape.pairs:
                logger.warning(
                    f"The {len(some)} pairs of {size.width} × {size.height} px are never trained on: a step "
                    f"takes {shape.pairs} of one size."
                )

    @property
    def width(self) -> int:
        """C, the width of the text features."""
        return self.empty_text.shape[-1]

    def held_out(self) -> list[Examples]:
        """As `ExampleSource` says."""
        return [self._shards.read(size, some) for size, some in self._held_out.items() if some]

    def batches(self, state: State | None) -> Iterator[Batch]:
        """As `ExampleSource` says; passes are read one ahead, in a thread."""
        numbered = self._plan(0 if state is None else state["pass"])
        with ThreadPoolExecutor(1) as reader:
            ahead = reader.submit(self._read, *next(numbered))
            while True:
                batch = ahead.result()
                ahead = reader.submit(self._read, *next(numbered))
                yield batch

    def _read(self, number: int, size: Size, pairs: list[int]) -> Batch:
        return Batch(self._shards.read(size, pairs), {"pass": number + 1})

    def _plan(self, start: int) -> Iterator[tuple[int, Size, list[int]]]:
        epoch, steps = -1, list[tuple[Size, list[int]]]()
        number = start
        while True:
            step, part = divmod(number, self._shape.accumulate)
            if step // self.steps_per_epoch != epoch:
                epoch = step // self.steps_per_epoch
                steps = self._epoch(epoch)
            size, pairs = steps[step % self.steps_per_epoch]
            yield number, size, pairs[self._shape.rows(part)]
            number += 1

    def _epoch(self, epoch: int) -> list[tuple[Size, list[int]]]:
        draw = torch.Generator().manual_seed((self._seed * 1_000_003 + epoch) % 2**63)
        whole = self._shape.pairs
        steps = []
        for size in sorted(self._trained):
            some = self._trained[size]
            order = torch.randperm(len(some), generator=draw).tolist()
            steps += [
                (size, [some[n] for n in order[start : start + whole]])
                for start in range(0, len(some) - whole + 1, whole)
            ]
        return [steps[n] for n in torch.randperm(len(steps), generator=draw).tolist()]


class _Group(BaseModel):
    """The pairs of one size in a shard."""

    height: int
    width: int
    pairs: int = Field(ge=1)

    @property
    def size(self) -> Size:
        return Size(self.height, self.width)


class _Shard(BaseModel):
    """A shard as the index describes it."""

    file: str = Field(pattern=r"^shard-\d{5,9}\.safetensors$")
    sizes: tuple[_Group, ...]


class _Index(BaseModel):
    """What is read of `index.json`, the settings that it was made with aside."""

    text_encoder_digest: str
    shards: tuple[_Shard, ...]


def _read_index(content: dict[str, Any], folder: Path) -> _Index:
    try:
        return _Index.model_validate(content)
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"]))
        raise EllaError(f"'{folder / INDEX}' is damaged at '{where}': {fault['msg']}. Precompute anew.") from error


def _read_empty(file: Path) -> Tensor:
    try:
        with safe_open(file, framework="pt") as tensors:
            text: Tensor = tensors.get_tensor("text")
    except (OSError, SafetensorError) as error:
        raise EllaError(f"'{file}' is damaged: {error}. Precompute anew.") from error
    if text.ndim != 2:
        raise EllaError(f"'{file}' is damaged: its text has the shape {list(text.shape)}. Precompute anew.")
    return text


class _Shards:
    """All pairs of a folder, numbered from 0 in the order of the shards."""

    def __init__(self, folder: Path, shards: Sequence[_Shard]) -> None:
        self._places: list[tuple[int, int]] = []  # number → shard, row
        self._numbers: dict[Size, list[int]] = {}
        self._files = [folder / shard.file for shard in shards]
        self._whole: dict[Size, Examples] = {}
        self._open: dict[int, Any] = {}
        self._files_open = ExitStack()
        try:
            for number, shard in enumerate(shards):
                _check_shard(self._files[number], shard)
                for group in shard.sizes:
                    numbers = self._numbers.setdefault(group.size, [])
                    numbers += range(len(self._places), len(self._places) + group.pairs)
                    self._places += [(number, row) for row in range(group.pairs)]
            if sum(file.stat().st_size for file in self._files) <= IN_MEMORY_BYTES:
                self._whole = {size: self._read_all(size) for size in self._numbers}
        except (OSError, RuntimeError, SafetensorError) as error:  # RuntimeError: shapes that differ between shards
            raise EllaError(f"The precomputed folder '{folder}' is damaged: {error}") from error
        self._row = {number: row for numbers in self._numbers.values() for row, number in enumerate(numbers)}

    def numbers(self) -> dict[Size, list[int]]:
        return self._numbers

    def read(self, size: Size, numbers: list[int]) -> Examples:
        if size in self._whole:
            rows = torch.tensor([self._row[number] for number in numbers])
            whole = self._whole[size]
            return Examples(whole.moments.index_select(0, rows), whole.text.index_select(0, rows))
        return Examples(self._mapped(size, numbers, "moments"), self._mapped(size, numbers, "text"))

    def _mapped(self, size: Size, numbers: list[int], name: str) -> Tensor:
        rows = []
        for shard, row in (self._places[number] for number in numbers):
            if shard not in self._open:
                self._open[shard] = self._files_open.enter_context(safe_open(self._files[shard], framework="pt"))
            rows.append(self._open[shard].get_slice(f"{size.height}x{size.width}.{name}")[row : row + 1])
        return torch.cat(rows)

    def _read_all(self, size: Size) -> Examples:
        moments, text = [], []
        for file in self._files:
            with safe_open(file, framework="pt") as tensors:
                if f"{size.height}x{size.width}.moments" in tensors.keys():  # noqa: SIM118
                    moments.append(tensors.get_tensor(f"{size.height}x{size.width}.moments"))
                    text.append(tensors.get_tensor(f"{size.height}x{size.width}.text"))
        return Examples(torch.cat(moments), torch.cat(text))


def _check_shard(file: Path, shard: _Shard) -> None:
    """That the file holds the pairs that the index says. Raises EllaError; what `safe_open` raises."""
    if len({group.size for group in shard.sizes}) < len(shard.sizes):
        raise EllaError(f"'{file.parent / INDEX}' is damaged: it names a size of '{file.name}' twice. Precompute anew.")
    with safe_open(file, framework="pt") as tensors:
        for group in shard.sizes:
            for name, axes in (("moments", 4), ("text", 3)):
                shape = tensors.get_slice(f"{group.height}x{group.width}.{name}").get_shape()
                if len(shape) != axes or shape[0] != group.pairs:
                    raise EllaError(
                        f"'{file}' is damaged: its {name} of {group.width} × {group.height} px have the shape {shape}, "
                        f"not {axes} axes with {group.pairs} pairs first. Precompute anew."
                    )
