"""A baseline: the scorecard of a finished run, kept where later runs are held against it.

A scorecard holds every item's scores, all answers and the digests of suite, judge and settings, in a quarter of a
megabyte for the full benchmark, so nothing else is needed.
"""

from __future__ import annotations

from pathlib import Path

from dpg_bench.errors import BadInputError, option
from dpg_bench.files.outputs import write_output
from dpg_bench.report.runs import JudgedRun
from dpg_bench.score.scorecard import scorecard_json


def write_baseline(run: JudgedRun, path: Path, *, force: bool = False) -> int:
    """Write the baseline and return its size in bytes.

    Raises BadInputError if the run is incomplete, its scorecard is of schema 1, or `path` is there with other
    content and `force` isn't given.
    """
    run.items("corrected")
    if not run.card.complete:
        gaps = [item.item_id for item in run.protocol("corrected").excluded if item.cause != "protocol"]
        example = f", '{gaps[0]}' first" if gaps else ""
        raise BadInputError(
            f"{run.name} is incomplete: {len(gaps)} items have no score{example}. A baseline would let later runs get "
            f"away with them. Finish the run and score it again, or make one of fewer items with {option('items')}."
        )
    content = scorecard_json(run.card).encode()
    write_output(path, content, force=force)
    return len(content)
