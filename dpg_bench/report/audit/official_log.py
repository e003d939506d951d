"""The summary that the official script prints, as it stands in its result file or anywhere in a log.

Source: ELLA's `dpg_bench/compute_dpg_bench.py` at commit 3c228f1. It prints "L1 category scores:", a line for each
category, "L2 category scores:" with theirs, "Image path: …" and "DPG-Bench score: …", all as percentages.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from decimal import Decimal
from pathlib import PurePath

from dpg_bench.errors import BadInputError
from dpg_bench.report.published import PublishedResult, claim
from dpg_bench.report.rows import CATEGORIES

_FIRST = "L1 category scores:"
_ENTRY = re.compile(rf"(?:^|\s)(?P<name>{'|'.join(CATEGORIES)}):\s*(?P<score>[0-9]{{1,3}}(?:\.[0-9]+)?)\s*$")
_OVERALL = re.compile(r"DPG-Bench score:\s*(?P<score>[0-9]{1,3}(?:\.[0-9]+)?)\s*$")
_NAMED = re.compile(r"(?:^|\s)(?P<what>Image path|Model):\s*(?P<value>.+?)\s*$")


@dataclass(slots=True)
class _Summary:
    line: int
    model: str = ""
    scores: dict[str, Decimal] = field(default_factory=dict)
    overall: Decimal | None = None


def is_official_log(text: str) -> bool:
    """Whether the official script's summary stands in `text`."""
    return _FIRST in text or any(_OVERALL.search(line) for line in text.splitlines())


def read_official_log(text: str, source: str) -> tuple[PublishedResult, ...]:
    """Every summary in `text`, called by its image folder, else by `source`; its row is the line it begins at.

    Raises BadInputError if no summary has a category score.
    """
    found = [summary for summary in _summaries(text) if summary.scores]
    if not found:
        raise BadInputError(
            f"{source} has no category scores: below '{_FIRST}' stand lines such as 'global: 90.88'. An overall score "
            "alone can't be audited."
        )
    results = [
        claim(one.line, one.model or PurePath(source).stem, overall=one.overall, scores=one.scores) for one in found
    ]
    names = Counter(result.model for result in results)
    return tuple(
        replace(result, model=f"{result.model} (line {result.row})") if names[result.model] > 1 else result
        for result in results
    )


def _summaries(text: str) -> Iterator[_Summary]:
    summary: _Summary | None = None
    model = ""
    in_first = False
    # A progress bar writes its line anew behind a carriage return.
    lines = ((number, part) for number, line in enumerate(text.split("\n"), start=1) for part in line.split("\r"))
    for number, line in lines:
        if _FIRST in line:
            if summary is not None:
                yield summary
            summary, in_first = _Summary(number, model), True
            model = ""
        elif "L2 category scores:" in line:
            in_first = False
        elif named := _NAMED.search(line):
            name = PurePath(named["value"].replace("\\", "/")).name
            if summary is None or named["what"] == "Model":
                model = name
            else:
                summary.model = summary.model or name
        elif summary is not None and (overall := _OVERALL.search(line)):
            summary.overall = Decimal(overall["score"])
            yield summary
            summary = None
        elif summary is not None and in_first and (entry := _ENTRY.search(line)):
            summary.scores[entry["name"]] = Decimal(entry["score"])
    if summary is not None:
        yield summary
