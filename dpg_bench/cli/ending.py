"""Being told to end: a scheduler's SIGTERM and a closed terminal's SIGHUP are interruptions like Ctrl-C."""

from __future__ import annotations

import signal
from types import FrameType


class Ended(KeyboardInterrupt):
    """The process was told to end by the signal `number`; what is under way is put in order first."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number

    @property
    def exit_code(self) -> int:
        """128 and the signal's number, as shells count: 143 for SIGTERM."""
        return 128 + self.number

    def __str__(self) -> str:
        """In words."""
        return f"Ended by {signal.Signals(self.number).name}. What was finished is kept; the same command continues."


def end(number: int, frame: FrameType | None) -> None:
    """The handler. A second signal of the kind changes nothing: putting in order is under way."""
    del frame
    signal.signal(number, signal.SIG_IGN)
    raise Ended(number)
