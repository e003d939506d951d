"""A judge with other weights than the pinned ones is called so; what must be downloaded is known before it begins."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from dpg_bench.jobs import ScoreRequest, execute_score, plan_score
from dpg_bench.judge.mplug.tiny import tiny_checkpoint
from dpg_bench.report.leaderboard.result import find_runs, rank_runs


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pictures").mkdir()
    Image.new("RGB", (64, 64), "red").save(tmp_path / "pictures" / "sample01-lighthouse.png")
    return tmp_path / "pictures"


def request(images: Path, **changes: object) -> ScoreRequest:
    settings = {"suite": "sample", "images_per_prompt": 1, "items": ("sample01-lighthouse",), **changes}
    return ScoreRequest(path=images, **settings)


def test_other_weights_are_named_wherever_the_judge_is(images: Path, tmp_path: Path) -> None:
    own = tmp_path / "my-weights"
    own.symlink_to(tiny_checkpoint().folder)
    plan = plan_score(request(images, judge="mplug", options={"path": str(own)}))
    assert plan.pending_gigabytes == 0
    card = execute_score(plan).scorecard
    assert card.judge.name == f"mplug ({own.resolve().name})"
    found = find_runs([tmp_path / "runs"])
    assert {ranking.judge for ranking in rank_runs(found.runs).rankings} == {card.judge.name}


def test_what_must_be_downloaded_is_known_before_anything_is(images: Path) -> None:
    assert plan_score(request(images, judge="mplug")).pending_gigabytes == 8
    assert plan_score(request(images, judge="tiny-mplug")).pending_gigabytes == 0
