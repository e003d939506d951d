"""What is fuzzed: something that reads a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Reader:
    """`read` takes a file called `name`; `seeds` are contents that it can read."""

    name: str
    read: Callable[[Path], object]
    seeds: tuple[bytes, ...]
