"""Nested records, such as settings and provenance, held against each other name by name."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Difference:
    """A dotted name whose value changed; a name that is absent has the value None."""

    name: str
    before: Any
    now: Any

    def __str__(self) -> str:
        """In words, the values as JSON."""
        return f"{self.name} was {_text(self.before)}, now {_text(self.now)}"


def flattened(record: Mapping[str, Any]) -> dict[str, Any]:
    """The values by dotted name, those of mappings within mappings too."""
    return dict(_flat(record, ""))


def find_differences(before: Mapping[str, Any], now: Mapping[str, Any]) -> tuple[Difference, ...]:
    """Everything that differs between two records, in the order of the first."""
    old, new = flattened(before), flattened(now)
    return tuple(
        Difference(name, old.get(name), new.get(name))
        for name in dict.fromkeys([*old, *new])
        if old.get(name) != new.get(name)
    )


def first_difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """The first difference in words; empty if there is none."""
    return next(map(str, find_differences(before, now)), "")


def _flat(record: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    for key, value in record.items():
        if isinstance(value, Mapping):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", list(value) if isinstance(value, tuple) else value


def _text(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, default=str)
