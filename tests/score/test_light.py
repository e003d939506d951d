"""Scoring imported answers and showing the result needs none of the heavy libraries."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import io, sys
from pathlib import Path
from rich.console import Console
import dpg_bench
from dpg_bench.judge.imported.answers import read_answers
from dpg_bench.records import Prompt, Question, Suite
from dpg_bench.report.scorecard.data import scorecard_to_csv
from dpg_bench.report.scorecard.text import print_scorecard
from dpg_bench.score.scorecard import JudgeCard, RunCard, read_scorecard, scorecard_json
from dpg_bench.score.scoring import answers_to_scorecard

rows = (Question(1, (), "entity", "entity - whole", "A?"), Question(2, (1,), "entity", "entity - part", "B?"))
suite = Suite("s", "s", (Prompt("a", "", rows), Prompt("b", "", rows)))
answers = read_answers(Path(sys.argv[1]), suite)
run = RunCard(model=None, images_per_prompt=answers.images_per_prompt, scored_by=dpg_bench.__version__)
card = answers_to_scorecard(suite, answers.table, judge=JudgeCard(name="imported", fingerprint=None), run=run)
print_scorecard(card, Console(file=io.StringIO()))
scorecard_to_csv(card)
scorecard_json(card)
heavy = {"torch", "diffusers", "transformers", "pandas", "datasets", "modelscope", "scipy", "matplotlib", "PIL"}
print(sorted(heavy & sys.modules.keys()))
"""


def test_scoring_imported_answers_imports_nothing_heavy(tmp_path: Path) -> None:
    answers = tmp_path / "answers.csv"
    answers.write_text("item_id,image,proposition_id,answer\na,0,1,yes\na,0,2,no\nb,0,1,yes\nb,0,2,yes\n")
    done = subprocess.run([sys.executable, "-c", SCRIPT, str(answers)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "[]"
