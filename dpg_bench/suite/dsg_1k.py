"""DSG-1k, the prompts and question graphs of the Davidsonian Scene Graph paper (arXiv 2310.18235), downloaded once.

The file is j-min/DSG's `dsg/data/dsg-1k-anns.csv` at a pinned commit. Its authors release it with oddities (words in
dependencies, questions that name themselves as parent, a parent without a row), which are mended as in any user's
file: see `dpg_bench.suite.mending`.
"""

from __future__ import annotations

from dpg_bench.hub.pinned_files import Progress
from dpg_bench.records import Suite
from dpg_bench.suite.base import SuiteSpec
from dpg_bench.suite.forms.csv import csv_rows
from dpg_bench.suite.mending import mended_prompts
from dpg_bench.suite.pinned import PinnedSuite

DSG_1K = PinnedSuite(
    name="dsg-1k",
    repository="j-min/DSG",
    commit="7330119a39f76ff90e619a8bd3ff321e71aa986b",
    questions="dsg/data/dsg-1k-anns.csv",
    blobs={"dsg/data/dsg-1k-anns.csv": "b1b097f09ec4b36546b7266492b386a742ec5790"},
    mirror_variable="DPGBENCH_DSG_URL",
)


def _load(name: str, *, strict: bool = False, progress: Progress | None = None) -> Suite:
    content = DSG_1K.contents(progress=progress)[DSG_1K.questions]
    found = mended_prompts(csv_rows(content, DSG_1K.questions), DSG_1K.questions, strict=strict)
    return Suite(name, DSG_1K.source, found.prompts, mends=found.mends)


def _pending(name: str) -> str | None:
    del name
    return DSG_1K.pending()


DSG_1K_SPEC = SuiteSpec(
    name=DSG_1K.name,
    summary="DSG-1k, the Davidsonian Scene Graph prompts; downloaded once and verified",
    source=DSG_1K.source,
    licence="Apache-2.0",
    size="1060 prompts, 8182 questions",
    load=_load,
    pending=_pending,
)
