"""The command line. Every command is thin: parse, call, print."""

from __future__ import annotations

import os
import signal
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType


def main() -> None:
    """The entry point of `dpgbench`: runs the command and leaves with its exit code."""
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    endings = [one for name in ("SIGTERM", "SIGHUP") if (one := getattr(signal, name, None)) is not None]
    endings = [one for one in endings if signal.getsignal(one) is signal.SIG_DFL]  # nohup has it ignored
    for number in [*([signal.SIGINT] if interruptible else []), *endings]:
        signal.signal(number, leave)
    from dpg_bench.cli.app import app
    from dpg_bench.cli.console import say
    from dpg_bench.cli.ending import watch_for_terminations
    from dpg_bench.cli.streams import protect_streams
    from dpg_bench.errors import DpgBenchError

    protect_streams()
    if signal.SIGTERM in endings:
        watch_for_terminations()
    try:
        app()
    except DpgBenchError as error:
        say(f"Error: {error.message.on_command_line}")
        sys.exit(error.exit_code)


def leave(number: int, frame: FrameType | None) -> None:
    """The handler while nothing is to be put in order: an interrupted import would leave by a traceback."""
    del frame
    what = "Interrupted" if number == signal.SIGINT else f"Ended by {signal.Signals(number).name}"
    cursor = "\r\x1b[?25h" if os.isatty(2) else ""  # which a progress bar hides
    os.write(2, f"{cursor}{what}. What was finished is kept; the same command continues.\n".encode())
    os._exit(128 + number)
