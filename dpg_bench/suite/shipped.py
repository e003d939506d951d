"""The suites that ship with dpg-bench, as CSV files in its folder `prompts`."""

from __future__ import annotations

from dpg_bench.hub.cache import shipped_folder
from dpg_bench.hub.pinned_files import Progress
from dpg_bench.records import Suite
from dpg_bench.suite.base import SuiteSpec
from dpg_bench.suite.forms.csv import csv_rows
from dpg_bench.suite.mending import mended_prompts

_SOURCE = "shipped with dpg-bench"


def _load(name: str, *, strict: bool = False, progress: Progress | None = None) -> Suite:
    del strict, progress
    path = shipped_folder("prompts") / f"{name}.csv"
    return Suite(name, _SOURCE, mended_prompts(csv_rows(path.read_bytes(), str(path)), name, strict=True).prompts)


SAMPLE_SPEC = SuiteSpec(
    name="sample",
    summary="a small suite of our own in the same form, for trying things out; scores compare with nothing",
    source=_SOURCE,
    licence="Apache-2.0",
    size="24 prompts, 340 questions",
    load=_load,
)
MINIATURE_SPEC = SuiteSpec(
    name="miniature",
    summary="dense prompts about drawn scenes whose truth is known, for models and judges of the miniature world",
    source=_SOURCE,
    licence="Apache-2.0",
    size="200 prompts, 3604 questions",
    load=_load,
)
