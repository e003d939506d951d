"""What the models read in place of CLIP's text features: the connector's tokens, computed no oftener than needed.

The connector's output depends on text and timestep alone. So where the schedule is known, it is computed for all of it
at the first step: once per distinct text however many images share it, and in one stretch, which spares offloaded
pipelines from swapping connector and U-Net at every step.

Axes: R rows of a model's call, P distinct texts among them, S text positions, C width of the text features, L tokens
and D width of the condition.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from ella_models.connector import EllaConnector

ROWS_PER_PASS = 64
"""How many (text, timestep) pairs go through the connector at once; bounds its activations to some 200 MB."""


class ScheduledConditions:
    """The conditions of one schedule (steps,) for the texts that were last asked for."""

    def __init__(self, connector: EllaConnector, schedule: Tensor) -> None:
        self.schedule = schedule
        self._connector = connector
        self._times: list[float] = schedule.tolist()
        self._texts = torch.empty(0)
        self._seen: dict[tuple[int, torch.Size, int], tuple[Tensor, Tensor]] = {}
        self._tokens: dict[float, Tensor] = {}

    def time_of(self, timestep: Tensor | float) -> float | None:
        """The number of a timestep (a scalar, or the same for each row), if it is one of the schedule's."""
        if not isinstance(timestep, Tensor):
            return timestep if timestep in self._times else None
        inside = timestep.untyped_storage().data_ptr() == self.schedule.untyped_storage().data_ptr()
        if inside and timestep.ndim == 0:
            # an element of the schedule itself: to ask for its value would hold the host up at every step
            return self._times[(timestep.storage_offset() - self.schedule.storage_offset()) // self.schedule.stride(0)]
        values = set(timestep.reshape(-1).tolist())
        return next(iter(values)) if len(values) == 1 and values <= set(self._times) else None

    def at(self, text: Tensor, time: float) -> Tensor:
        """The tokens (R, L, D) of text features (R, S, C) at a timestep of the schedule."""
        rows = self._rows(text)
        if time not in self._tokens:
            self._run_ahead(self._texts, time)
        return self._tokens[time].index_select(0, rows)

    def _rows(self, text: Tensor) -> Tensor:
        """For each row of `text` its index among the texts whose tokens are kept; others replace them."""
        changes = 0 if text.is_inference() else text._version  # noqa: SLF001 - counts the changes in place
        key = (text.data_ptr(), text.shape, changes)
        if key not in self._seen:
            found = [index_of(row, self._texts) for row in text]
            if None in found:
                firsts, found = distinct_rows(text)
                self._texts, self._seen, self._tokens = text[firsts], {}, {}  # a copy: the caller may change his
            # the tensor is kept as well, so that no other can come to lie at its address
            self._seen[key] = (text, torch.tensor(found, device=text.device))
        return self._seen[key][1]

    def _run_ahead(self, texts: Tensor, time: float) -> None:
        """Compute the tokens of the texts (P, S, C) at this timestep and all that come after it."""
        visible = existing_positions(texts)
        aware = self._connector.sizes.timestep_aware
        times = list(dict.fromkeys(self._times[self._times.index(time) :])) if aware else [time]
        passes = [
            self._connector(
                texts.repeat(len(some), 1, 1),
                some.repeat_interleave(len(texts)),
                None if visible is None else visible.repeat(len(some), 1),
            )
            for some in torch.split(torch.tensor(times, device=texts.device), max(1, ROWS_PER_PASS // len(texts)))
        ]
        tokens = torch.cat(passes)
        tokens = tokens.reshape(len(times), len(texts), *tokens.shape[1:])
        self._tokens = dict(zip(times, tokens, strict=True)) if aware else dict.fromkeys(self._times, tokens[0])


def existing_positions(text: Tensor) -> Tensor | None:
    """Which positions of text features (R, S, C) exist, (R, S) bool; `None` if all do.

    Zeros at a row's end stand for positions that don't, but a row of nothing else exists throughout.
    """
    filled = text.any(-1)
    exist = filled.flip(1).cumsum(1).flip(1) > 0
    exist |= ~exist.any(1, keepdim=True)
    return None if bool(exist.all()) else exist


def distinct_rows(text: Tensor) -> tuple[list[int], list[int | None]]:
    """The first row of each distinct text, and for each row the index of its text among them."""
    firsts: list[int] = []
    found: list[int | None] = []
    for row in text:
        known = index_of(row, (text[first] for first in firsts))
        if known is None:
            firsts.append(len(found))
        found.append(len(firsts) - 1 if known is None else known)
    return firsts, found


def index_of(row: Tensor, texts: Iterable[Tensor]) -> int | None:
    """The index of a text (S, C) among others, `None` if it is none of them."""
    return next((index for index, known in enumerate(texts) if torch.equal(row, known)), None)
