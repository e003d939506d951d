"""A scorecard with a right checksum but numbers that can't belong together is refused by one message, at once."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.score.scorecard import read_scorecard
from tests.report.conftest import ScoredRun, scored_run

__all__ = ["scored_run"]  # the fixture
Change = Callable[[dict[str, Any]], None]


def setting(*path: str | int, to: Any) -> Change:
    def change(card: dict[str, Any]) -> None:
        place: Any = card
        for step in path[:-1]:
            place = place[step]
        place[path[-1]] = to

    return change


CORRECTED = ("protocols", "corrected")
TURNED = {"low": 60.0, "high": 40.0, "method": "bca"}
SOFT = {"overall": 50.0, "interval": TURNED, "prompts_scored": 40, "l1": {}, "l2": {}}


def turned_under_a_namesake(card: dict[str, Any]) -> None:
    corrected = card["protocols"]["corrected"]
    corrected["l2"]["entity"] = {**corrected["l1"]["entity"]}
    corrected["l1"]["entity"]["interval"] = TURNED


CHANGES = {
    "questions of an item": setting(*CORRECTED, "items", "questions", 0, to=10**18),
    "no answers": setting("answers", to=None),
    "too few answers": setting("answers", "yes", to=[]),
    "answers of too few images": setting("answers", "yes", 0, to=[1]),
    "answers to unknown questions": setting("answers", "yes", 0, to=[1 << 90, 0, 0, 0]),
    "no images": setting(*CORRECTED, "items", "counted", to=[[]] * 40),
    "more counted than asked": setting(*CORRECTED, "items", "counted", 0, to=[99, 0, 0, 0]),
    "prompts": setting(*CORRECTED, "prompts_scored", to=10**30),
    "expected prompts": setting(*CORRECTED, "prompts_expected", to=10**30),
    "a huge suite": setting("suite", "prompts", to=10**30),
    "huge images": setting("run", "images_per_prompt", to=10**18),
    "huge resamples": setting("statistics", "resamples", to=10**9),
    "a long name": setting("suite", "name", to="x" * 5000),
    "an interval that is turned round": setting(*CORRECTED, "interval", "low", to=100.0),
    "an interval of a category that is hidden by its namesake": turned_under_a_namesake,
    "an interval of the soft score": setting("soft", to=SOFT),
    "a soft score of more prompts than there are": setting(
        "soft", to={**SOFT, "interval": None, "prompts_scored": 10**30}
    ),
    "a category beyond its suite": setting(*CORRECTED, "l1", "entity", "questions", to=10**12),
    "more yes than answers": setting(*CORRECTED, "items", "categories", "entity - whole", "yes", 0, to=77),
    "question numbers": setting("answers", "propositions", to={"item0": [1, 1, 2, 3, 4]}),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_cannot_be_is_one_message(scored_run: ScoredRun, tmp_path: Path, name: str) -> None:
    card = json.loads(scored_run("a").file.read_bytes())
    del card["checksum"]
    CHANGES[name](card)
    card["checksum"] = hashlib.sha256(json.dumps(card, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
    file = tmp_path / "odd.json"
    file.write_text(json.dumps(card))
    with pytest.raises(BadInputError, match=r"odd\.json (can't be right|is damaged at)"):
        read_scorecard(file)


def test_what_was_scored_is_sound(scored_run: ScoredRun) -> None:
    assert read_scorecard(scored_run("whole").file).complete
    assert not read_scorecard(scored_run("part", failures={"item3": "boom"}).file).complete
    assert read_scorecard(scored_run("few", item_ids=["item1", "item2"], images=1).file).complete
