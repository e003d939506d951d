"""A comparison is paired, certain only where it can be, and refuses what can't be compared."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from rich.console import Console

from dpg_bench.errors import BadInputError
from dpg_bench.records import Prompt, Question, Suite
from dpg_bench.report.compare.data import CSV_COLUMNS, comparisons_to_csv, comparisons_to_json
from dpg_bench.report.compare.result import Comparison, compare_all, compare_runs
from dpg_bench.report.compare.text import comparisons_to_markdown, print_comparisons
from dpg_bench.report.runs import load_judged
from dpg_bench.score.scorecard import JudgeCard
from tests.report.conftest import ScoredRun, draw_answers, make_suite

TEXTS = {(f"item{i}", q): "Is it [bold]there[/bold]?" for i in range(40) for q in range(1, 10)}


def shown(comparison: Comparison, *, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_comparisons([comparison], TEXTS, console, top=3)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_scores_are_those_of_the_scorecards_and_differences_theirs(scored_run: ScoredRun) -> None:
    first, second = scored_run("a", yes=0.5), scored_run("b", yes=0.7, seed=1)
    for protocol in ("corrected", "official"):
        comparison = compare_runs(first, second, protocol=protocol, resamples=199)
        one, other = first.protocol(protocol), second.protocol(protocol)
        rows = {score.number.row.name: score for score in comparison.scores}
        assert list(rows)[:2] == ["overall", "global"]
        assert rows["overall"].number.first == pytest.approx(one.overall)
        for name, score in rows.items():
            before, after = ({"overall": card, **card.l1, **card.l2}[name] for card in (one, other))
            if name != "overall":
                assert (score.number.first, score.number.second) == pytest.approx((before.score, after.score))
            assert score.paired.value == pytest.approx(score.number.second - score.number.first)
            interval = score.paired.interval
            assert interval is not None
            assert interval.low <= score.paired.value <= interval.high


def test_a_clear_difference_is_marked_and_noise_is_not(scored_run: ScoredRun) -> None:
    base, better, alike = scored_run("a"), scored_run("b", yes=0.8, seed=1), scored_run("c", seed=2)
    table = shown(compare_runs(base, better))
    assert "▲" in next(line for line in table.splitlines() if line.startswith("overall"))
    assert "▼" in next(line for line in shown(compare_runs(better, base)).splitlines() if line.startswith("overall"))
    noise = compare_runs(base, alike)
    assert noise.scores[0].paired.p_value > 0.05
    assert "▲" not in next(line for line in shown(noise).splitlines() if line.startswith("overall"))


def test_a_run_does_not_differ_from_itself(scored_run: ScoredRun) -> None:
    run = scored_run("a")
    comparison = compare_runs(run, run)
    assert all(score.paired.value == 0 and score.paired.p_value == 1 for score in comparison.scores)
    assert (comparison.items, comparison.questions) == ((), ())
    assert "no spread" in shown(comparison)


def test_numbers_of_images_may_differ(scored_run: ScoredRun) -> None:
    suite = make_suite()
    four = draw_answers(suite, yes=0.6, seed=0)
    two = {item: {0: images[0], 1: images[1]} for item, images in four.items()}
    doubled = {item: {**images, 2: images[0], 3: images[1]} for item, images in two.items()}
    comparison = compare_runs(scored_run("two", answers=two, images=2), scored_run("four", answers=doubled))
    assert all(score.paired.value == pytest.approx(0, abs=1e-12) for score in comparison.scores)
    assert "two has 2 images per prompt, four 4" in comparison.remarks[0]


def test_only_items_that_both_scored_are_compared(scored_run: ScoredRun) -> None:
    whole = scored_run("whole")
    part = scored_run("part", item_ids=["item1", "item2", "item3"])
    comparison = compare_runs(whole, part)
    assert comparison.prompts == 3
    assert comparison.scores[0].paired.value == 0
    assert "over the 3 items that both have scored: whole has 40, part 3" in comparison.remarks[0]


def test_a_category_that_the_common_items_lack_is_left_out(scored_run: ScoredRun) -> None:
    suite = make_suite(4)
    text = Question(6, (), "other", "other - text", "A word?")
    last = suite.prompts[-1]
    uneven = Suite("drawn", "drawn.csv", (*suite.prompts[:-1], Prompt(last.item_id, "", (*last.questions, text))))
    whole = scored_run("whole", suite=uneven)
    part = scored_run("part", suite=uneven, item_ids=["item0", "item1"])
    for pair in ((whole, part), (part, whole), (part, part)):
        names = [score.number.row.name for score in compare_runs(*pair, resamples=99).scores]
        assert "other - count" in names
        assert "other - text" not in names
    assert "other - text" in [score.number.row.name for score in compare_runs(whole, whole, resamples=99).scores]


def test_the_items_and_questions_that_changed_most_come_first(scored_run: ScoredRun) -> None:
    suite = make_suite(4)
    before = {f"item{i}": {k: dict.fromkeys(range(1, 6), "yes") for k in range(4)} for i in range(4)}
    after = {item: {k: dict(given) for k, given in images.items()} for item, images in before.items()}
    after["item2"][0][3] = after["item2"][1][3] = "no"
    after["item3"][0] = dict.fromkeys(range(1, 6), "no")
    comparison = compare_runs(scored_run("a", suite=suite, answers=before), scored_run("b", suite=suite, answers=after))
    assert [(item.item_id, item.first, item.second) for item in comparison.items] == [
        ("item3", 100, 75),
        ("item2", 100, 90),
    ]
    first = comparison.questions[0]
    assert (first.item_id, first.proposition_id, first.first, first.second) == ("item2", 3, 1, 0.5)
    assert len(comparison.questions) == 6


def test_what_cannot_be_compared_is_refused_saying_why(scored_run: ScoredRun) -> None:
    run = scored_run("a")
    question = Question(1, (), "entity", "entity - whole", "Another?")
    other_suite = scored_run("s", suite=Suite("other", "other.csv", (Prompt("item0", "", (question,)),)))
    with pytest.raises(BadInputError, match=r"their suites differ\. .* is of 'drawn' with the digest .* 'other' with"):
        compare_runs(run, other_suite)
    half = JudgeCard(name="mplug", fingerprint="xyz", provenance={"dtype": "float16"})
    with pytest.raises(BadInputError, match=r"their judges differ.*\(dtype .float32. and .float16.\)"):
        compare_runs(run, scored_run("j", judge=half))
    with pytest.raises(BadInputError, match=r"no scored item in common: 1 are scored in .*, 1 in"):
        compare_runs(scored_run("x", item_ids=["item1"]), scored_run("y", item_ids=["item2"]))
    old = load_judged(Path(__file__).parents[2] / "data/scorecard_schema_1.json")
    with pytest.raises(BadInputError, match="schema 1"):
        compare_runs(old, old)
    with pytest.raises(BadInputError, match="at least two runs"):
        compare_all([run])
    with pytest.raises(BadInputError, match=r"confidence is 1\.5"):
        compare_all([run, run], confidence=1.5)


def test_an_unknown_judge_is_remarked_and_not_refused(scored_run: ScoredRun) -> None:
    unknown = scored_run("old", judge=JudgeCard(name="imported", fingerprint=None))
    assert "Who judged old is not recorded" in compare_runs(scored_run("a"), unknown).remarks[0]
    known = scored_run("new", judge=JudgeCard(name="imported", fingerprint="abc"))
    assert compare_runs(scored_run("a"), known).remarks == ()


def test_every_run_is_held_against_the_first_and_like_names_are_told_apart(
    scored_run: ScoredRun, tmp_path: Path
) -> None:
    runs = [scored_run("a"), scored_run("b", seed=1), scored_run("deeper/a", seed=2)]
    comparisons = compare_all(runs)
    assert [one.first.card for one in comparisons] == [runs[0].card] * 2
    assert comparisons[1].second.name == str(tmp_path / "deeper/a/judgements/mplug/scorecard.json")
    assert comparisons[1].first.name != comparisons[1].second.name


def test_the_table_fits_80_columns_and_shows_names_from_files_as_they_are(scored_run: ScoredRun) -> None:
    suite = make_suite(4)
    odd = [Question(9, (), "mood", "mood - [red]x[/red] | <b>", "?")]
    prompts = tuple(Prompt(p.item_id, p.text, (*p.questions, *odd)) for p in suite.prompts)
    wide = Suite("drawn", "drawn.csv", prompts)
    comparison = compare_runs(scored_run("a", suite=wide), scored_run("b", suite=wide, seed=1))
    table = shown(comparison).split("Marked where")[0].splitlines()[1:]
    assert max(map(len, table)) <= 80
    assert "[red]x[/red] | <b>" in shown(comparison)
    assert "Is it [bold]there[/bold]?" in shown(comparison)
    markdown = comparisons_to_markdown([comparison], {}, top=3)
    assert r"\[red\]x\[/red\] \| &lt;b&gt;" in markdown
    assert all(line.replace(r"\|", "").count("|") == 8 for line in markdown.splitlines() if line.startswith("|"))


def test_untrained_weights_are_warned_of(scored_run: ScoredRun) -> None:
    comparison = compare_runs(scored_run("a"), scored_run("b", untrained=True))
    assert "Warning: b: model 'sd15': untrained weights" in shown(comparison)


def test_json_and_csv_hold_the_same_numbers_with_all_digits(scored_run: ScoredRun) -> None:
    comparison = compare_runs(scored_run("a"), scored_run("b", seed=1))
    data = json.loads(json.dumps(comparisons_to_json([comparison], {("item0", 1): "Why?"}, top=1000), allow_nan=False))
    rows = list(csv.DictReader(io.StringIO(comparisons_to_csv([comparison]))))
    assert tuple(rows[0]) == CSV_COLUMNS
    scores = data["comparisons"][0]["scores"]
    assert len(rows) - 1 == len(scores) == 10
    assert rows.pop()["protocol"] == "official"
    for row, score in zip(rows, scores, strict=True):
        assert float(row["difference"]) == score["difference"]
        assert float(row["low"]) == score["low"]
    assert data["comparisons"][0]["questions_changed"] == len(data["comparisons"][0]["questions"])


def test_a_single_common_item_gives_a_difference_without_an_interval(scored_run: ScoredRun) -> None:
    comparison = compare_runs(scored_run("a", item_ids=["item5"]), scored_run("b", seed=1, item_ids=["item5"]))
    assert {score.paired.interval for score in comparison.scores} == {None}
    assert not any(score.paired.clear for score in comparison.scores)
    json.dumps(comparisons_to_json([comparison], {}, top=5), allow_nan=False)
    assert "4 times in 5" not in shown(comparison)


def test_a_mark_needs_the_permutation_test_too(scored_run: ScoredRun) -> None:
    """Three prompts that all dropped: the bootstrap excludes zero, but one in four sign patterns is as extreme."""
    suite = make_suite(3)
    answers = {p.item_id: {0: dict.fromkeys(range(1, 6), "yes")} for p in suite.prompts}
    worse = {item: {0: {**given[0], 3: "no"}} for item, given in answers.items()}
    worse["item0"][0][4] = "no"
    pair = [scored_run(name, suite=suite, answers=found, images=1) for name, found in (("a", answers), ("b", worse))]
    overall = compare_runs(*pair).scores[0].paired
    assert overall.interval is not None
    assert overall.interval.excludes_zero
    assert overall.p_value == 0.25
    assert not overall.clear
    assert "▼" not in shown(compare_runs(*pair))


def test_runs_that_are_alike_in_every_prompt_say_nothing_about_what_would_be_found(scored_run: ScoredRun) -> None:
    text = shown(compare_runs(scored_run("a"), scored_run("b")))
    assert "0.00 would be found" not in text
    assert "what difference would be found can't be said" in text


def test_the_settings_that_differ_are_named(scored_run: ScoredRun) -> None:
    a = scored_run("a", settings={"steps": 50, "guidance": 7.5, "size": 512})
    b = scored_run("b", settings={"steps": 25, "guidance": 7.5, "size": 1024})
    comparison = compare_runs(a, b)
    assert "Settings that differ: steps 50 → 25, size 512 → 1024." in shown(comparison, width=400)
    data = comparisons_to_json([comparison], {}, top=0)["comparisons"][0]
    assert data["settings"] == [
        {"name": "steps", "first": 50, "second": 25},
        {"name": "size", "first": 512, "second": 1024},
    ]
    assert "Both were made with the same settings." in shown(compare_runs(a, a))
    assert "can't be said" in shown(compare_runs(a, scored_run("c")))


def test_the_other_protocol_and_when_to_quote_it_stand_beside(scored_run: ScoredRun) -> None:
    a, b = scored_run("a", yes=0.5), scored_run("b", yes=0.7, seed=1)
    comparison = compare_runs(a, b)
    assert comparison.other is not None
    assert comparison.other.number.second == pytest.approx(b.card["official"].overall)
    line = next(line for line in shown(comparison).splitlines() if line.startswith("overall, official"))
    assert f"{b.card['official'].overall:.2f}" in line
    assert "quote official; tell your own runs apart by corrected" in shown(comparison, width=200)
    assert "overall, corrected" in comparisons_to_markdown([compare_runs(a, b, protocol="official")], {}, top=0)


def test_an_incomplete_run_is_called_so_beside_its_name_everywhere(scored_run: ScoredRun) -> None:
    whole, part = scored_run("whole"), scored_run("part", failures={"item3": "boom"})
    few = scored_run("few", item_ids=["item1", "item2"])
    comparisons = [compare_runs(whole, part), compare_runs(whole, few)]
    assert "B: part (39 of 40 prompts, incomplete)" in shown(comparisons[0], width=200)
    assert "B: few (2 of 40 prompts)" in shown(comparisons[1], width=200)
    assert "B: part (39 of 40 prompts, incomplete)" in comparisons_to_markdown(comparisons, {}, top=0)
    data = comparisons_to_json(comparisons, {}, top=0)["comparisons"][0]["second"]
    assert (data["complete"], data["prompts_scored"], data["prompts_expected"]) == (False, 39, 40)
    rows = list(csv.DictReader(io.StringIO(comparisons_to_csv(comparisons))))
    assert {row["second_extent"] for row in rows} >= {"39 of 40 prompts, incomplete", "2 of 40 prompts"}


def test_images_that_only_changed_places_change_no_item(scored_run: ScoredRun) -> None:
    """Sums of thirteenths differ in their last bits with the order of the images."""
    questions = tuple(Question(number, (), "entity", "entity - whole", "Is it there?") for number in range(1, 14))
    suite = Suite("drawn", "drawn.csv", (Prompt("item0", "A fox.", questions), Prompt("item1", "A dog.", questions)))

    def answers(*yes: int) -> dict[str, dict[int, dict[int, str]]]:
        images = {i: {q: "yes" if q <= most else "no" for q in range(1, 14)} for i, most in enumerate(yes)}
        return {"item0": images, "item1": images}

    one, other = answers(4, 9, 1, 2), answers(1, 2, 4, 9)
    pair = [scored_run(name, suite=suite, answers=found) for name, found in (("a", one), ("b", other))]
    assert compare_runs(*pair).items == ()
