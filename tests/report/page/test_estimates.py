"""The numbers behind the charts, against the same worked out the long way."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest

from dpg_bench.records import Prompt, Question
from dpg_bench.report.page.estimates import length_bins, prompt_pairs, scores_by_depth, scores_by_length, spread
from dpg_bench.report.page.shown_runs import ShownRuns, load_shown_runs
from dpg_bench.suite.registry import load_suite

if TYPE_CHECKING:
    from tests.report.page.conftest import Workshop


@pytest.fixture
def shown(workshop: Workshop) -> ShownRuns:
    prompts = [Prompt(p.item_id, "word " * (10 + n), p.questions) for n, p in enumerate(workshop.prompts(20))]
    return load_shown_runs([workshop.run("fox", workshop.suite(prompts), draw=False)], load_suite=load_suite)


def test_ranges_of_length_hold_every_prompt_once_and_about_equally_many(shown: ShownRuns) -> None:
    bins = length_bins(shown)
    assert bins[0][0] == 10
    assert bins[-1][1] == 29
    assert all(low == before[1] + 1 for before, (low, _) in pairwise(bins))
    (run,) = shown.runs
    found = scores_by_length(shown, run, "corrected", bins)
    assert [one.prompts for one in found if one] == [5, 5, 5, 5]


def test_scores_by_length_average_to_the_overall_score(shown: ShownRuns) -> None:
    (run,) = shown.runs
    found = [one for one in scores_by_length(shown, run, "corrected", length_bins(shown)) if one]
    mean = sum(one.score * one.prompts for one in found) / sum(one.prompts for one in found)
    assert mean == pytest.approx(run.judged.card["corrected"].overall)
    assert all(one.interval and one.interval.low <= one.score <= one.interval.high for one in found)


def test_scores_by_depth_are_shares_of_questions(shown: ShownRuns) -> None:
    (run,) = shown.runs
    found = scores_by_depth(shown, run)
    assert [(one.label, one.questions) for one in found] == [("0", 40), ("1", 40), ("2", 20)]
    answers = [given for prompt in shown.prompts for given in run.answers_about(prompt.item_id)]
    said = [given[q] == "yes" for given in answers for q in (2, 3)]
    held = [given[q] == "yes" == given[1] for given in answers for q in (2, 3)]
    assert found[1].yes.score == pytest.approx(100 * sum(said) / len(said))
    assert found[1].counts.score == pytest.approx(100 * sum(held) / len(held))


def test_the_spread_counts_every_prompt(shown: ShownRuns) -> None:
    (run,) = shown.runs
    found = spread(run, "corrected")
    scores = run.judged.items("corrected").scores
    assert found is not None
    assert sum(found.bins) == found.prompts == 20
    assert found.bins[-1] == sum(score >= 95 for score in scores)
    assert found.perfect == sum(score == 100 for score in scores)


def test_a_run_without_a_scored_item_has_no_numbers(workshop: Workshop) -> None:
    suite = workshop.suite(workshop.prompts(3))
    run = workshop.run("half", suite, lambda *_: "yes", only=["item1"])
    lines = (run / "judgements" / "imported" / "answers.jsonl").read_text().splitlines(keepends=True)
    (workshop.folder / "torn.jsonl").write_text("".join(lines[:2]))
    from dpg_bench.jobs import ScoreRequest, execute_score, plan_score

    request = ScoreRequest(
        answers=workshop.folder / "torn.jsonl", suite=suite.name, out=run, images_per_prompt=4, fresh=True
    )
    execute_score(plan_score(request))
    shown = load_shown_runs([run], load_suite=load_suite)
    assert spread(shown.runs[0], "corrected") is None
    assert scores_by_depth(shown, shown.runs[0]) == []
    assert scores_by_length(shown, shown.runs[0], "corrected", length_bins(shown)) == [None]
    assert workshop.report(run).exists()


def test_prompts_are_paired_by_their_scores_in_both_runs(workshop: Workshop) -> None:
    suite = workshop.suite(workshop.prompts(8))
    runs = [workshop.run("a", suite), workshop.run("b", suite, lambda *_: "yes", only=[f"item{n}" for n in range(6)])]
    one, other = load_shown_runs(runs, load_suite=load_suite).runs
    pairs = prompt_pairs(one, other, "corrected")
    assert sorted(item_id for pair in pairs for item_id in pair.item_ids) == [f"item{n}" for n in range(6)]
    scores = dict(zip(one.judged.items("corrected").item_ids, one.judged.items("corrected").scores, strict=True))
    for pair in pairs:
        assert pair.second == 100
        assert {round(float(scores[item_id]), 6) for item_id in pair.item_ids} == {pair.first}
    assert len({(pair.first, pair.second) for pair in pairs}) == len(pairs)


def test_a_score_on_the_edge_of_a_step_counts_above_it(workshop: Workshop) -> None:
    """The mean of 5/6, 2/6, 4/6, 0, 5/6 and 2/6 is a half, and a little less in the arithmetic of a machine."""
    questions = [Question(n, (), "entity", "entity - whole", f"Is part {n} there?") for n in range(1, 7)]
    suite = workshop.suite(workshop.prompts(2, questions))
    yes = (5, 2, 4, 0, 5, 2)
    run = workshop.run("a", suite, lambda _, image, q: "yes" if q.proposition_id <= yes[image] else "no", images=6)
    found = spread(load_shown_runs([run], load_suite=load_suite).runs[0], "corrected")
    assert found is not None
    assert [place for place, count in enumerate(found.bins) if count] == [10]
    assert found.median == 50
