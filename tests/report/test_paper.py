"""What goes into a paper says what the numbers are over, and survives LaTeX."""

from __future__ import annotations

import re

from dpg_bench.report.compare.result import compare_all
from dpg_bench.report.compare.text import comparisons_to_latex
from dpg_bench.report.leaderboard.result import rank_runs
from dpg_bench.report.leaderboard.text import leaderboard_to_latex
from dpg_bench.report.paper import latex
from dpg_bench.report.scorecard.paper import scorecard_to_latex, scorecard_to_markdown
from tests.report.conftest import ScoredRun

NAME = r"my_model & 50% #1 {x}$^2~\input{evil}"


def test_both_protocols_and_how_they_were_made_are_in_the_text(scored_run: ScoredRun) -> None:
    run = scored_run("a", model="sd15")
    text = scorecard_to_latex(run)
    official = run.card["official"]
    assert f"sd15 (official) & {official.l1['global'].score:.2f} & " in text
    assert f"& {run.card['corrected'].overall:.2f} & 40 \\\\" in text
    assert "answered by mplug (fingerprint abc) about 4 images per prompt and scored with dpg-bench 0.1.0." in text
    assert "% @article{hu2024ella," in text
    assert "% @inproceedings{li2022mplug," in text
    markdown = scorecard_to_markdown(run)
    assert "```bibtex\n@article{hu2024ella," in markdown
    assert f"| sd15 (official) | {official.l1['global'].score:.2f} |" in markdown


def test_an_incomplete_or_partial_run_says_so_in_row_and_sentence(scored_run: ScoredRun) -> None:
    part = scored_run("part", failures={"item3": "boom"}, allow_missing=True)
    few = scored_run("few", item_ids=["item1", "item2"])
    for text in (scorecard_to_latex(part), scorecard_to_markdown(part)):
        assert "39 of 40, incomplete" in text
        assert "over 39 of 40 prompts, incomplete." in text
    assert "over 2 of 40 prompts." in scorecard_to_latex(few)
    assert "part (39 of 40 prompts, incomplete)" in comparisons_to_latex(compare_all([few, scored_run("b"), part]))
    assert "39 of 40 & run, incomplete" in leaderboard_to_latex(rank_runs([part, scored_run("b")]))


def test_untrained_weights_are_said_in_the_sentence(scored_run: ScoredRun) -> None:
    assert "Model 'sd15': untrained weights: these scores mean nothing." in scorecard_to_latex(
        scored_run("a", untrained=True)
    )


def test_names_are_no_commands_of_latex(scored_run: ScoredRun) -> None:
    text = scorecard_to_latex(scored_run("a", model=NAME))
    assert r"my\_model \& 50\% \#1 \{x\}\$\textasciicircum{}2\textasciitilde{}\textbackslash{}input\{evil\}" in text
    assert not re.search(r"\\input", text)
    assert latex("a\x1b[2Jb\nc") == r"a\textbackslash{}x1b[2Jb c"
