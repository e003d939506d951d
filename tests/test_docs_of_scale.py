"""The page on many processes: its commands run, in its order, and give what it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from tests.cli.conftest import Dpgbench, dpgbench

__all__ = ["dpgbench"]  # the fixture

PAGE = (Path(__file__).resolve().parents[1] / "docs" / "scale.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


def test_the_commands_of_the_page_run_and_the_last_share_makes_the_scorecard(
    dpgbench: Dpgbench,
    tmp_path: Path,
) -> None:
    ran = []
    for line in [line for block in BLOCKS for line in block.splitlines()]:
        program, *words = shlex.split(line)
        assert program == "dpgbench"
        small = ["--steps", "1"] if words[0] == "run" else []
        done = dpgbench(*words, *small)
        assert done.exit_code == 0, done.output
        ran.append(words[0])
    assert ran == ["run", "run", "score", "score", "run", "run", "merge"]
    assert (tmp_path / "runs" / "shared" / "judgements" / "mini-mplug" / "scorecard.json").is_file()
    assert len(list((tmp_path / "runs" / "both" / "images").iterdir())) == 3
