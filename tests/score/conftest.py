"""The five cases that the official script itself was run on."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from pathlib import Path

import pytest

from dpg_bench.records import Suite
from dpg_bench.suite.registry import load_suite


@dataclass(frozen=True)
class OfficialCase:
    """A question file, the official script's detail file about it, and the results it printed."""

    suite: Suite
    images_per_prompt: int
    detail: Path
    overall: float
    categories: dict[str, float]
    failed: list[str]


CASES = (
    "first_prompt_dropped",
    "first_row_lonely",
    "forward_dependencies",
    "missing_and_broken_images",
    "one_image",
)


@pytest.fixture(params=CASES)
def official_case(request: pytest.FixtureRequest, golden: Path) -> OfficialCase:
    folder = golden / "official" / request.param
    results = (folder / "official_results.txt").read_text()
    lines = (line.split(maxsplit=1) for line in (folder / "failed.txt").read_text().splitlines())
    questions = folder / "questions.csv"
    suite = Suite("golden", str(questions), load_suite(str(questions)).prompts)
    return OfficialCase(
        suite=suite,
        images_per_prompt=json.loads((folder / "case.json").read_text())["images_per_prompt"],
        detail=folder / "official_results_detail.txt",
        overall=float(re.search(r"DPG-Bench score: (.*)", results)[1]),
        categories={name: float(score) for name, score in re.findall(r"\t(.*): (.*)", results)},
        failed=[item_id for item_id in (name.split(".")[0] for name, _ in lines) if item_id in suite.by_id],
    )
