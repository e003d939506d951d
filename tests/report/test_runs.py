"""A scored run is found from its folder, its judgement or its scorecard, and gives back all that was scored."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.report.runs import find_scorecards, load_judged
from dpg_bench.score.protocols.corrected import corrected_scores
from dpg_bench.score.protocols.official import official_scores
from dpg_bench.score.scorecard import JudgeCard
from tests.report.conftest import ScoredRun, draw_answers, make_suite


def test_folder_judgement_and_file_are_the_same_run(scored_run: ScoredRun, tmp_path: Path) -> None:
    run = scored_run("mine")
    (run.file.parent / "answers.jsonl").write_text("")
    for path in (tmp_path / "mine", run.file.parent, run.file):
        found = load_judged(path)
        assert (found.name, found.card) == ("mine", run.card)
        assert found.run_dir is not None
        assert found.run_dir.path == tmp_path / "mine"
        assert found.answers_file == run.file.parent / "answers.jsonl"
    alone = load_judged(shutil.copy(run.file, tmp_path / "kept.json"))
    assert (alone.name, alone.card, alone.run_dir, alone.answers_file) == ("kept", run.card, None, None)


def test_it_gives_back_every_items_scores_and_answers(scored_run: ScoredRun) -> None:
    suite = make_suite(7)
    answers = draw_answers(suite, yes=0.5, seed=3)
    run = scored_run("mine", suite=suite, answers=answers)
    for protocol, result in (
        ("corrected", corrected_scores(suite, answers, images_per_prompt=4)),
        ("official", official_scores(suite, answers, images_per_prompt=4)),
    ):
        items = run.items(protocol)
        assert items.item_ids == tuple(item.item_id for item in result.items)
        assert items.images == pytest.approx(np.array([item.images for item in result.items]))
        assert items.overall == pytest.approx(result.overall)
        for ours, theirs in ((items.l1, result.l1), (items.l2, result.l2)):
            assert {name: one.score for name, one in ours.items()} == pytest.approx(
                {name: one.score for name, one in theirs.items() if one.score is not None}
            )
    assert {item: {q: list(yes) for q, yes in by.items()} for item, by in run.answers.items()} == {
        item: {q: [given[k][q] == "yes" for k in range(4)] for q in given[0]} for item, given in answers.items()
    }


def test_several_judges_must_be_chosen_from(scored_run: ScoredRun, tmp_path: Path) -> None:
    scored_run("mine")
    scored_run("mine", judge=JudgeCard(name="other", fingerprint="xyz"), yes=0.2)
    with pytest.raises(BadInputError, match=r"scored by mplug, other\. Choose one with judge"):
        load_judged(tmp_path / "mine")
    assert load_judged(tmp_path / "mine", judge="other").card.judge.name == "other"
    with pytest.raises(BadInputError, match="not scored by 'third', but by mplug, other"):
        load_judged(tmp_path / "mine", judge="third")
    assert [file.parent.name for file in find_scorecards(tmp_path)] == ["mplug", "other"]


def test_nothing_there_and_nothing_scored_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="There is no"):
        load_judged(tmp_path / "absent")
    with pytest.raises(BadInputError, match=r"holds no scorecard\. Score it first"):
        load_judged(tmp_path)


def test_an_old_scorecard_has_no_items_and_says_how_to_get_them() -> None:
    run = load_judged(Path(__file__).parents[1] / "data/scorecard_schema_1.json")
    assert run.protocol("official").overall == 50
    for wanted in (lambda: run.items("corrected"), lambda: run.answers):
        with pytest.raises(BadInputError, match=r"schema 1, without the scores of single items\. Score it again"):
            wanted()
