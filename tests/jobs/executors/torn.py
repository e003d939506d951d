"""Work that meets an error of the kind that a broken pipe between processes is told by, too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from dpg_bench.jobs.executors.blocks import OpenWork, Told


@dataclass(frozen=True)
class TornWork:
    """Raises EOFError, as a reader of a torn file does: when it is opened, or at its items."""

    at: Literal["open", "items"]

    def open(self, name: str, device: str) -> OpenWork:
        del name, device
        if self.at == "open":
            raise EOFError("torn")
        return _OpenTorn()


class _OpenTorn:
    def do(self, items: Sequence[str]) -> Told:
        del items
        raise EOFError("torn")

    def close(self) -> None:
        pass
