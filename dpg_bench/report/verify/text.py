"""A verification for people: a line for each run, and one for everything that differs."""

from __future__ import annotations

from rich.console import Console

from dpg_bench.errors import on_command_line
from dpg_bench.report.terminal import say
from dpg_bench.report.verify.result import Verification

_NAMES = {
    "images": ("image", "images"),
    "answers": ("answer", "answers"),
    "scorecards": ("scorecard", "scorecards"),
    "weights": ("set of weights", "sets of weights"),
}


def print_verification(one: Verification, console: Console) -> None:
    """Print what was recomputed of a run, and every difference."""
    counts = [f"{count} {_NAMES[kind][count > 1]}" for kind, count in one.checked.items() if count]
    what = ", ".join(counts) or "nothing"
    for difference in one.differences:
        say(console, on_command_line(str(difference)))
    for left in one.unchecked:
        say(console, f"Not checked: {on_command_line(str(left))}")
    if one.verified:
        say(console, f"{one.run.path}: verified; recomputed: {what}.")
    else:
        count = len(one.differences)
        say(console, f"{one.run.path}: NOT verified, {count} difference{'s' if count > 1 else ''}; recomputed: {what}.")
