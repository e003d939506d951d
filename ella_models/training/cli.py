"""The entry point of `ella`. It imports nothing large, so that its handlers are there from the first moment."""

from __future__ import annotations

import signal

from ella_models.training.stopping import leave


def main() -> None:
    """Run the command line and leave with its exit code."""
    for number in (signal.SIGINT, signal.SIGTERM):
        if signal.getsignal(number) in (signal.SIG_DFL, signal.default_int_handler):  # nohup has it ignored
            signal.signal(number, leave)
    from ella_models.training.commands import run

    run()
