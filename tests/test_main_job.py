"""The main job as Python calls: no batch size, interruption or order changes a score."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpg_bench.jobs import RunRequest, ScoreRequest, execute_run, execute_score, plan_run, plan_score
from dpg_bench.score.scorecard import Scorecard

ITEMS = ("sample03-chess", "sample08-foxes", "sample10-teacups")


def run_and_score(
    out: Path,
    *,
    run_batch: int = 8,
    score_batch: int = 4,
    stop_run: int = -1,
    stop_score: int = -1,
    items: tuple[str, ...] = ITEMS,
) -> Scorecard:
    """The scorecard of a tiny run. `stop_run` and `stop_score` number the reports of progress that are interrupted."""
    request = RunRequest(
        model="tiny-ella-sd15",
        suite="sample",
        out=out,
        items=items,
        images_per_prompt=2,
        steps=1,
        batch_size=run_batch,
    )
    judging = ScoreRequest(path=out, judge="tiny-mplug", batch_size=score_batch)
    try:
        execute_run(plan_run(request), progress=interruption(stop_run))
    except KeyboardInterrupt:
        execute_run(plan_run(request))
    try:
        return execute_score(plan_score(judging), progress=interruption(stop_score)).scorecard
    except KeyboardInterrupt:
        return execute_score(plan_score(judging)).scorecard


class interruption:  # noqa: N801 - reads as what it is: progress that ends in an interruption
    """Raises KeyboardInterrupt at the report of progress with this number, counted from 0."""

    def __init__(self, at: int) -> None:
        self._left = at

    def __call__(self, _: object) -> None:
        self._left -= 1
        if self._left == -1:
            raise KeyboardInterrupt


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Scorecard:
    return run_and_score(tmp_path_factory.mktemp("undisturbed") / "run")


@settings(max_examples=6, deadline=None)
@given(
    batches=st.tuples(st.integers(1, 7), st.integers(1, 7)),
    stops=st.tuples(st.integers(-1, 3), st.integers(-1, 3)),
    items=st.permutations(ITEMS),
)
def test_batch_size_interruptions_and_order_change_no_score(
    batches: tuple[int, int],
    stops: tuple[int, int],
    items: list[str],
    undisturbed: Scorecard,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    card = run_and_score(
        tmp_path_factory.mktemp("disturbed") / "run",
        run_batch=batches[0],
        score_batch=batches[1],
        stop_run=stops[0],
        stop_score=stops[1],
        items=tuple(items),
    )
    assert card == undisturbed
    assert card["corrected"].overall is not None
