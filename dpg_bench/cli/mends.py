"""What a command says of a suite with odd rows."""

from __future__ import annotations

from dpg_bench.cli.console import say
from dpg_bench.records import Suite
from dpg_bench.suite.mending import mends_text


def say_mends(suite: Suite) -> None:
    """Say all at once what was odd in the suite's file and what was made of it; of a named suite just the counts."""
    if suite.mends:
        own = suite.source == suite.name or suite.name.startswith("hf:")
        say(mends_text(suite.name, suite.mends, shown=100 if own else 0))
        say("This is recorded with the suite; --strict refuses such rows instead.")
