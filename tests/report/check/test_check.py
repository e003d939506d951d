"""The gate fails for a real drop, never by noise alone, and says what it can't tell."""

from __future__ import annotations

import io
import json
import xml.etree.ElementTree as ET
from itertools import combinations

import numpy as np
import pytest
from rich.console import Console

from dpg_bench.errors import BadInputError
from dpg_bench.records import Suite
from dpg_bench.report.check.baseline import write_baseline
from dpg_bench.report.check.data import check_to_json, check_to_junit
from dpg_bench.report.check.result import CheckResult, check_run
from dpg_bench.report.check.text import check_markdown, print_check, workflow_commands
from dpg_bench.report.runs import load_judged
from tests.report.conftest import ScoredRun, draw_answers, make_suite


def shown(result: CheckResult) -> str:
    console = Console(file=io.StringIO(), width=80)
    print_check(result, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_run_passes_against_itself(scored_run: ScoredRun) -> None:
    run = scored_run("a")
    result = check_run(run, run, max_drop=0, categories=True)
    assert result.verdict == "ok"
    assert len(result.numbers) == 6
    assert "the same in every prompt" in shown(result)


def test_a_real_drop_is_a_regression_and_names_its_size(scored_run: ScoredRun) -> None:
    baseline, worse = scored_run("base", yes=0.8), scored_run("worse", yes=0.5, seed=1)
    result = check_run(worse, baseline)
    assert result.verdict == "regression"
    number = result.numbers[0]
    assert number.difference == pytest.approx(worse.card["corrected"].overall - baseline.card["corrected"].overall)
    assert number.bounds is not None
    assert number.bounds.high < -1
    assert f"at least {-number.bounds.high:.2f}" in shown(result)


def test_a_drop_within_what_is_allowed_passes(scored_run: ScoredRun) -> None:
    baseline, worse = scored_run("base", yes=0.7), scored_run("worse", yes=0.6, seed=1)
    assert check_run(worse, baseline, max_drop=40).verdict == "ok"


def test_what_these_prompts_cannot_tell_is_said_with_how_many_could(scored_run: ScoredRun) -> None:
    baseline, alike = scored_run("base"), scored_run("alike", seed=1)
    result = check_run(alike, baseline, max_drop=0.5)
    assert result.verdict == "unclear"
    needed = result.numbers[0].prompts_needed
    assert needed is not None
    assert needed > 40
    assert "40 prompts can't tell whether it dropped by more than 0.5; about" in shown(result)
    assert "more than the suite's 40" in shown(result)


def test_a_single_prompt_tells_nothing(scored_run: ScoredRun) -> None:
    baseline = scored_run("base", yes=1.0, item_ids=["item3"])
    worse = scored_run("worse", yes=0.0, seed=1, item_ids=["item3"])
    result = check_run(worse, baseline)
    assert result.verdict == "unclear"
    assert "1 prompts can't tell" in shown(result)


@pytest.mark.parametrize("prompts", [2, 3, 4])
def test_a_handful_of_prompts_cannot_fail_whatever_the_bootstrap_says(scored_run: ScoredRun, prompts: int) -> None:
    suite = make_suite(prompts)
    good = {p.item_id: {k: dict.fromkeys(range(1, 6), "yes") for k in range(4)} for p in suite.prompts}
    bad = {p.item_id: {k: dict.fromkeys(range(1, 6), "no") for k in range(4)} for p in suite.prompts}
    result = check_run(
        scored_run("worse", suite=suite, answers=bad), scored_run("base", suite=suite, answers=good), max_drop=1
    )
    assert result.verdict == "unclear"
    assert result.numbers[0].prompts_needed == 5


def test_like_runs_fail_in_at_most_5_of_100_checks_categories_included(scored_run: ScoredRun) -> None:
    """18 like runs, each held against those before it, with nothing allowed: 12 of 153 checks are within chance.

    The overall score and the five categories have a level of their own each.
    """
    suite = make_suite(60)
    runs = [
        scored_run("a", suite=suite, answers=draw_answers(suite, yes=0.7, seed=seed, images=1), images=1)
        for seed in range(18)
    ]
    results = [
        check_run(second, first, max_drop=0, categories=True, resamples=399) for first, second in combinations(runs, 2)
    ]
    assert sum(one.numbers[0].verdict == "regression" for one in results) <= 12
    assert sum(any(number.verdict == "regression" for number in one.numbers[1:]) for one in results) <= 12
    assert [one.verdict for one in results].count("unclear") > 100


def test_categories_are_checked_only_if_asked_and_share_theirs(scored_run: ScoredRun) -> None:
    baseline, worse = scored_run("base", yes=0.9), scored_run("worse", yes=0.4, seed=1)
    alone = check_run(worse, baseline)
    assert [number.number.row.name for number in alone.numbers] == ["overall"]
    result = check_run(worse, baseline, categories=True)
    assert {number.number.row.level for number in result.numbers} == {0, 1}
    assert result.numbers[0].bounds == alone.numbers[0].bounds  # the categories take nothing from overall's own level
    assert result.numbers[0].confidence == pytest.approx(0.95)
    assert {number.confidence for number in result.numbers[1:]} == {1 - (1 - 0.95) / 5}
    assert "each of the 5 categories with 99%, so that 95% holds for these together" in shown(result)


def test_an_overall_drop_fails_whether_or_not_categories_are_checked(scored_run: ScoredRun) -> None:
    """2.03 points were passed with the categories, and failed without them."""
    found = []
    for seed in range(40):
        baseline, worse = scored_run("base", yes=0.62, seed=1), scored_run("worse", yes=0.55, seed=seed + 2)
        alone, both = (check_run(worse, baseline, categories=c, resamples=399) for c in (False, True))
        assert both.numbers[0].verdict == alone.numbers[0].verdict
        found.append(alone.verdict)
    assert "regression" in found


def test_a_category_alone_can_fail(scored_run: ScoredRun) -> None:
    suite = make_suite()
    answers = draw_answers(suite, yes=0.9, seed=0)
    worse = {item: {k: {**given, 5: "no"} for k, given in images.items()} for item, images in answers.items()}
    pair = scored_run("worse", suite=suite, answers=worse), scored_run("base", suite=suite, answers=answers)
    assert check_run(*pair, max_drop=30).verdict == "ok"
    result = check_run(*pair, max_drop=30, categories=True)
    failed = [one.number.row.name for one in result.numbers if one.verdict == "regression"]
    assert failed == ["other"]


@pytest.mark.parametrize("option", [{"max_drop": -1.0}, {"max_drop": float("nan")}, {"confidence": 0.5}])
def test_impossible_settings_are_refused(scored_run: ScoredRun, option: dict[str, float]) -> None:
    run = scored_run("a")
    with pytest.raises(BadInputError, match=r"(max_drop|confidence) is"):
        check_run(run, run, **option)


def test_an_incomplete_run_does_not_pass(scored_run: ScoredRun) -> None:
    part, base = scored_run("part", failures={"item3": "boom"}), scored_run("base")
    result = check_run(part, base)
    assert result.verdict == "incomplete"
    assert not result.passed
    assert "part (39 of 40 prompts, incomplete) against" in shown(result)
    assert "Verdict: incomplete, which is no pass: 1 prompts have no score ('item3': boom)." in shown(result)
    allowed = check_run(part, base, allow_missing=True, max_drop=90)
    assert allowed.verdict == "ok"
    assert "Verdict: ok over 39 of 40 prompts: no drop beyond 90." in shown(allowed)


def test_a_run_held_against_an_incomplete_run_does_not_pass(scored_run: ScoredRun) -> None:
    run, part = scored_run("run"), scored_run("part", failures={"item3": "boom"})
    result = check_run(run, part, max_drop=90)
    assert (result.verdict, result.passed) == ("incomplete", False)
    assert "1 prompts have no score ('item3': the baseline lacks it: boom)." in shown(result)
    assert check_run(run, part, allow_missing=True, max_drop=90).verdict == "ok"


def test_a_run_of_a_part_of_the_baseline_does_not_pass(scored_run: ScoredRun) -> None:
    few, base = scored_run("few", item_ids=["item1", "item2"]), scored_run("base")
    result = check_run(few, base, max_drop=90)
    assert result.verdict == "incomplete"
    assert len(result.missing) == 38
    assert "few (2 of 40 prompts) against the baseline base" in shown(result)
    data = check_to_json(result)
    assert (data["verdict"], data["passed"], data["prompts_missing"]) == ("incomplete", False, 38)
    assert (data["run_extent"], data["baseline_extent"]) == ("2 of 40 prompts", "")
    assert ET.fromstring(check_to_junit(result)).find("testsuite/testcase/failure") is not None  # noqa: S314
    assert check_run(base, few, max_drop=90).verdict == "ok"  # all that the baseline has


def test_a_strict_check_fails_what_it_cannot_tell(scored_run: ScoredRun) -> None:
    alike, base = scored_run("alike", seed=1), scored_run("base")
    lenient, strict = (check_run(alike, base, max_drop=0.5, strict=strict) for strict in (False, True))
    assert (lenient.verdict, strict.verdict) == ("unclear", "unclear")
    assert (lenient.passed, strict.passed) == (True, False)
    assert "Verdict: can't tell for overall, which passes; --strict would fail it." in shown(lenient)
    assert "Verdict: can't tell for overall, which --strict takes for a failure." in shown(strict)
    assert b'<failure message="overall' in check_to_junit(strict)
    assert b'failures="1"' in check_to_junit(strict)


def test_the_score_that_papers_quote_stands_beside_the_checked_one(scored_run: ScoredRun) -> None:
    run = scored_run("a")
    assert "Note: The official overall score, which isn't checked, went from" in shown(check_run(run, run))
    assert "Note: The corrected overall score" in shown(check_run(run, run, protocol="official"))


def test_json_says_it_all(scored_run: ScoredRun) -> None:
    result = check_run(scored_run("worse", yes=0.3), scored_run("base", yes=0.8), categories=True)
    data = json.loads(json.dumps(check_to_json(result), allow_nan=False))
    assert data["verdict"] == "regression"
    assert [score["category"] for score in data["scores"]][:2] == ["overall", "global"]
    assert data["scores"][0]["below"] < -1


def test_junit_has_a_test_per_number_and_survives_odd_names(scored_run: ScoredRun) -> None:
    worse = check_run(scored_run("wor\x01se<&>", yes=0.3), scored_run("base", yes=0.8), categories=True)
    suite = ET.fromstring(check_to_junit(worse)).find("testsuite")  # noqa: S314 - written a moment ago
    assert suite is not None
    assert suite.get("name") == "dpgbench check wor\ufffdse<&>"
    assert suite.get("tests") == "6"
    failures = [case.get("name") for case in suite.iter("testcase") if case.find("failure") is not None]
    assert failures == [one.number.row.name for one in worse.numbers if one.verdict == "regression"]
    assert suite.get("failures") == str(len(failures))
    unclear = check_run(scored_run("alike", seed=1), scored_run("base"), max_drop=0)
    assert b"<skipped" in check_to_junit(unclear)


def test_workflow_commands_are_one_line_each_and_escaped(scored_run: ScoredRun) -> None:
    base = scored_run("base", yes=0.8)
    lines = list(workflow_commands(check_run(scored_run("a,b:c", yes=0.3), base)))
    assert len(lines) == 1
    assert lines[0].startswith("::error title=DPG-Bench%3A a%2Cb%3Ac against base::overall ")
    assert "95%25 confidence" in lines[0]
    assert next(workflow_commands(check_run(base, base))).startswith("::notice ")
    unclear = check_run(scored_run("alike", seed=1, yes=0.8), base, max_drop=0)
    assert next(workflow_commands(unclear)).startswith("::warning ")


def test_the_summary_is_a_markdown_table(scored_run: ScoredRun) -> None:
    text = check_markdown(check_run(scored_run("wo|rse", yes=0.3), scored_run("base", yes=0.8)))
    assert text.startswith("### DPG-Bench: Regression\n")
    assert "| FAIL | overall |" in text
    assert r"wo\|rse against the baseline base" in text


def test_a_baseline_is_the_scorecard_and_gives_the_same_verdicts(scored_run: ScoredRun) -> None:
    run, other = scored_run("a"), scored_run("b", yes=0.4, seed=1)
    file = run.file.parents[3] / "base/line.json"
    size = write_baseline(run, file)
    assert size == file.stat().st_size
    kept = load_judged(file)
    assert kept.card == run.card
    assert check_run(other, kept).numbers[0].bounds == check_run(other, run).numbers[0].bounds


def test_a_baseline_is_not_overwritten_silently(scored_run: ScoredRun) -> None:
    run, other = scored_run("a"), scored_run("b", yes=0.4, seed=1)
    file = run.file.parents[3] / "base.json"
    write_baseline(run, file)
    before = file.read_bytes()
    write_baseline(run, file)  # the same content changes nothing
    with pytest.raises(BadInputError, match=r"base\.json is there already. Replace it with force=True"):
        write_baseline(other, file)
    assert file.read_bytes() == before
    write_baseline(other, file, force=True)
    assert load_judged(file).card == other.card
    with pytest.raises(BadInputError, match=r"is a folder\. Name a file"):
        write_baseline(other, file.parent, force=True)


def test_an_incomplete_run_is_no_baseline(scored_run: ScoredRun) -> None:
    run = scored_run("part", failures={"item3": "boom"})
    with pytest.raises(BadInputError, match="part is incomplete: 1 items have no score, 'item3' first"):
        write_baseline(run, run.file.parent / "base.json")
    assert not (run.file.parent / "base.json").exists()


def test_a_baseline_of_a_full_benchmark_stays_under_300_kilobytes(scored_run: ScoredRun) -> None:
    rng = np.random.default_rng(0)
    names = [f"{level} - {i}" for level in ("entity", "attribute", "relation", "other") for i in range(3)]
    small = make_suite(1065)
    prompts = []
    for i, prompt in enumerate(small.prompts):
        question = prompt.questions[0]
        chosen = rng.choice(names, size=int(rng.integers(8, 20)))
        prompts.append(
            type(prompt)(
                f"partiprompts{i:04d}",
                prompt.text,
                tuple(
                    type(question)(n, (), str(name).split(" - ", maxsplit=1)[0], str(name), "?")
                    for n, name in enumerate(chosen, start=1)
                ),
            )
        )
    suite = Suite("full", "full.csv", tuple(prompts))
    run = scored_run("full", suite=suite, yes=0.8)
    assert suite.question_count > 13_000
    assert write_baseline(run, run.file.parent / "base.json") < 300_000
