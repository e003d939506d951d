"""The command line. Every command is thin: parse, call, print."""

from __future__ import annotations

import os
import signal
import sys
from types import FrameType


def main() -> None:
    """The entry point of `dpgbench`: runs the command and leaves with its exit code."""
    interruptible = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if interruptible:  # an interrupted import leaves by a traceback, and there is nothing to tidy up yet
        signal.signal(signal.SIGINT, _leave)
    from dpg_bench.cli.app import app
    from dpg_bench.cli.console import say
    from dpg_bench.cli.ending import Ended, end
    from dpg_bench.cli.streams import protect_streams
    from dpg_bench.errors import DpgBenchError

    protect_streams()
    if interruptible:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    for ending in (signal.SIGTERM, getattr(signal, "SIGHUP", None)):
        if ending is not None and signal.getsignal(ending) is signal.SIG_DFL:  # nohup has it ignored
            signal.signal(ending, end)
    try:
        app()
    except DpgBenchError as error:
        say(f"Error: {error.message.on_command_line}")
        sys.exit(error.exit_code)
    except Ended as ended:  # before or after the command itself, which tells more
        say(str(ended))
        sys.exit(ended.exit_code)
    except KeyboardInterrupt:
        say("Interrupted.")
        sys.exit(130)
    finally:
        if interruptible:
            signal.signal(signal.SIGINT, _leave)


def _leave(number: int, frame: FrameType | None) -> None:
    del number, frame
    os.write(2, b"Interrupted.\n")
    os._exit(130)
