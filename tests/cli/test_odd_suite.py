"""A question file with odd rows, from `run` to the scorecard: told, recorded, or refused."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.conftest import SUITE_HEADER, Dpgbench

ODD = f"""{SUITE_HEADER}
fox,A red fox beside a blue lantern.,,1,0,entity,whole,entity - whole (fox),Is there a fox?
fox,A red fox beside a blue lantern.,,2,"1, left",entity,whole,entity - whole (lantern),Is there a lantern?
boat,A red boat.,,1,1,entity,whole,entity - whole (boat),Is there a boat?
"""
TOLD = [
    "row 3, item 'fox': the dependency is '1, left': read as 1",
    "row 4, item 'boat': question 1 names itself as parent: no parent",
]


def test_odd_rows_are_told_at_once_and_recorded_with_the_suite(dpgbench: Dpgbench) -> None:
    Path("odd.csv").write_text(ODD)
    made = dpgbench("run", "--model", "tiny-sd15", "--suite", "odd.csv", "--steps", "1", "--out", "r")
    assert made.exit_code == 0, made.output
    for line in TOLD:
        assert line in made.stderr
    assert json.loads(Path("r/run.json").read_text())["suite"]["mended"] == TOLD
    scored = dpgbench("score", "r", "--judge", "tiny-mplug")
    assert scored.exit_code == 0, scored.output
    assert TOLD[0] in scored.stderr
    assert json.loads(Path("r/judgements/tiny-mplug/scorecard.json").read_text())["suite"]["mended"] == TOLD


def test_strict_refuses_them_all_in_one_message(dpgbench: Dpgbench) -> None:
    Path("odd.csv").write_text(ODD)
    for command in (("run", "--model", "tiny-sd15", "--dry-run"), ("score", "--answers", "odd.csv")):
        refused = dpgbench(*command, "--suite", "odd.csv", "--strict")
        assert refused.exit_code == 2
        assert all(line in refused.stderr for line in TOLD)
        assert "leave --strict out" in refused.stderr
