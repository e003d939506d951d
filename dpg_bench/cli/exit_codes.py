"""How commands end: 0 done; 1 failed; 2 wrong use or bad input; 3 finished but incomplete; 4 a check found a
regression; 130 interrupted; 143 told to end (SIGTERM), 129 by a closed terminal (SIGHUP).
"""

from __future__ import annotations

import errno
import sys
from pathlib import Path
from typing import Any

from typer.core import TyperGroup

from dpg_bench.cli.console import say, show_log
from dpg_bench.cli.ending import Ended, put_in_order
from dpg_bench.cli.variables import shown_as_flags
from dpg_bench.errors import DpgBenchError, missing_package, panics_told
from dpg_bench.hub.cache import cache_folder

INCOMPLETE = 3
REGRESSION = 4
INTERRUPTED = 130


class Commands(TyperGroup):
    """The group of all commands; turns the errors a user can meet into one message and their exit code."""

    def get_params(self, ctx: Any) -> Any:
        """The options of `dpgbench` itself."""
        return shown_as_flags(super().get_params(ctx))

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        show_log()
        try:
            with put_in_order(), panics_told():
                try:
                    return super().invoke(ctx)
                finally:
                    if sys.stdout is not None:
                        sys.stdout.flush()  # what can't be written must be known before the exit code is
        except DpgBenchError as error:
            say(f"Error: {error.message.on_command_line}")
            ctx.exit(error.exit_code)
        except ModuleNotFoundError as error:
            say(f"Error: {missing_package(error)}")
            ctx.exit(1)
        except Ended as ended:
            say(str(ended))
            ctx.exit(ended.exit_code)
        except OSError as error:  # of a kind that nobody foresaw where it came up: a stale network folder, a bad disk
            say(f"Error: {f'{error.filename}: ' if error.filename else ''}{error.strerror or error}.{_advice(error)}")
            ctx.exit(2 if error.errno == errno.ENAMETOOLONG else 1)
        except MemoryError:
            say("Error: There is not enough memory for this. What was finished is kept; the same command continues.")
            ctx.exit(1)
        except KeyboardInterrupt:
            say("Interrupted. What was finished is kept; the same command continues.")
            ctx.exit(INTERRUPTED)


def _advice(error: OSError) -> str:
    if not isinstance(error.filename, str):
        return ""
    place, cache = Path(error.filename), cache_folder()
    if not (place.is_relative_to(cache) or cache.is_relative_to(place)):  # in it, or a folder on the way to it
        return ""
    return " Downloads and toy models are kept there; set DPGBENCH_CACHE to a folder that can be written to."
