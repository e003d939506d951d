"""Processes of this machine: what they meet is told as what it is."""

from __future__ import annotations

from typing import Literal

import pytest

from dpg_bench.jobs.executors.blocks import Broken, Ready
from dpg_bench.jobs.executors.local import LocalProcesses
from tests.jobs.executors.torn import TornWork


@pytest.mark.parametrize("at", ["open", "items"])
def test_an_error_that_a_pipe_could_have_had_is_told_and_is_no_death(at: Literal["open", "items"]) -> None:
    engine = LocalProcesses(TornWork(at), ["cpu"])
    try:
        engine.start("one", 0)
        events = engine.wait()
        if at == "items":
            assert events == [Ready("one")]
            engine.give("one", ["item"])
            events = engine.wait()
    finally:
        engine.close()
    assert [(type(event), repr(getattr(event, "error", None))) for event in events] == [(Broken, "EOFError('torn')")]
