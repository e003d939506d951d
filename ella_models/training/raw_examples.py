"""Examples made of pairs while training: read, cropped and encoded at every step.

Every process takes its share of the pairs, the n-th of each round. Pictures wait by size until they fill a pass, so
where training stands is the next pair and those that wait.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from torch import Tensor

from ella_models.errors import EllaError
from ella_models.training.config import DataSection
from ella_models.training.examples import Batch, Encoder, Examples, State
from ella_models.training.images import Picture, Size
from ella_models.training.pairs import Pair, PairSource
from ella_models.training.precomputed import StepShape
from ella_models.training.sources import SkippedPairs, pictures

Place = tuple[int, int]
"""The epoch of a pair, and its number in that epoch's order."""


class RawExamples:
    """The examples of a source of pairs."""

    def __init__(
        self,
        source: PairSource,
        encoder: Encoder,
        data: DataSection,
        *,
        shape: StepShape,
        hold_out: int,
        skipped: SkippedPairs,
    ) -> None:
        self._source, self._encoder, self._data, self._shape = source, encoder, data, shape
        self._skipped = skipped
        self._held_pairs = list(islice(source.pairs(None), hold_out))
        self._held_keys = {pair.key for pair in self._held_pairs}

    @property
    def empty_text(self) -> Tensor:
        """As `ExampleSource` says."""
        return self._encoder.empty_text

    def held_out(self) -> list[Examples]:
        """As `ExampleSource` says."""
        groups: dict[Size, list[Picture]] = {}
        for _, picture in pictures(enumerate(self._held_pairs), self._data, skipped=self._skipped):
            if picture is not None:
                groups.setdefault(picture.size, []).append(picture)
        batch = self._data.encode_batch
        return [
            self._encoder.encode(some[start : start + batch])
            for some in groups.values()
            for start in range(0, len(some), batch)
        ]

    def batches(self, state: State | None) -> Iterator[Batch]:
        """As `ExampleSource` says.

        Raises EllaError if a whole epoch has no pair that can be used.
        """
        state = state or {"epoch": 0, "next": 0, "waiting": []}
        waiting: dict[Size, list[tuple[Place, Picture]]] = {}
        found = False
        whole_epoch = int(state["epoch"]) + (int(state["next"]) > 0)  # of one that was begun, nothing may be left
        for place, picture in pictures(self._places(state), self._data, skipped=self._skipped):
            if not found and place[0] > whole_epoch:
                raise EllaError(f"None of the pairs can be used; {len(self._skipped)} were left out: {self._skipped}.")
            if picture is None:
                continue
            found = True
            group = waiting.setdefault(picture.size, [])
            group.append((place, picture))
            if len(group) == self._shape.batch_size:
                del waiting[picture.size]
                left = sorted(place for some in waiting.values() for place, _ in some)
                after = {"epoch": place[0], "next": place[1] + 1, "waiting": [list(place) for place in left]}
                yield Batch(self._encoder.encode([picture for _, picture in group]), after)

    def _places(self, state: State) -> Iterator[tuple[Place, Pair]]:
        epoch, start = int(state["epoch"]), int(state["next"])
        waiting = [(int(one), int(other)) for one, other in state["waiting"]]
        for place in waiting:
            yield place, next(self._source.pairs(place[0], start=place[1]))
        while True:
            some = False
            for number, pair in enumerate(self._source.pairs(epoch, start=start), start=start):
                some = True
                mine = number % self._shape.processes == self._shape.process
                if mine and pair.key not in self._held_keys:
                    yield (epoch, number), pair
            if not some and start == 0:
                raise EllaError("The data holds no pairs.")
            epoch, start = epoch + 1, 0
