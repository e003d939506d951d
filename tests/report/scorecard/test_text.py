"""The table and its CSV show every number of the scorecard with its counts, and hide what would mislead."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from dpg_bench.records import AnswerTable, Prompt, Question, Suite
from dpg_bench.report.rows import score_rows
from dpg_bench.report.scorecard.data import CSV_COLUMNS, scorecard_to_csv
from dpg_bench.report.scorecard.text import print_scorecard
from dpg_bench.score.scorecard import JudgeCard, RunCard, Scorecard, read_scorecard
from dpg_bench.score.scoring import answers_to_scorecard

CATEGORIES = (
    "other - count",
    "entity - whole",
    "entity - part",
    "relation - non-spatial",
    "attribute - color",
    "global -",
    "mood - [b]dark[/b]",
)
QUESTIONS = tuple(
    Question(number, (), name.split(" - ", maxsplit=1)[0].removesuffix(" -"), name, f"Question {number}?")
    for number, name in enumerate(CATEGORIES, start=1)
)
SUITE = Suite("test", "test.csv", tuple(Prompt(f"item{number}", "A prompt.", QUESTIONS) for number in range(1065)))
ANSWERS = {
    f"item{number}": {image: dict.fromkeys(range(1, 8), "yes" if number % 3 else "no") for image in range(4)}
    for number in range(8)
}
EVERY_ANSWER = dict.fromkeys(SUITE.by_id, ANSWERS["item1"])


def make_card(
    answers: AnswerTable = ANSWERS, *, untrained: bool = False, allow_missing: bool = False, **settings: Any
) -> Scorecard:
    run = RunCard(
        model="sd15", images_per_prompt=4, allow_missing=allow_missing, untrained=untrained, scored_by="0.1.0"
    )
    judge = JudgeCard(name="mplug", fingerprint="abc")
    return answers_to_scorecard(SUITE, answers, judge=judge, run=run, **settings)


def shown(card: Scorecard, *, width: int = 80) -> str:
    console = Console(file=io.StringIO(), width=width)
    print_scorecard(card, console)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_rows_come_in_the_order_of_the_paper_with_level_2_below() -> None:
    assert [(row.level, row.name) for row in score_rows(make_card(item_ids=ANSWERS))] == [
        (0, "overall"),
        (1, "global"),
        (1, "entity"),
        (2, "entity - part"),
        (2, "entity - whole"),
        (1, "attribute"),
        (2, "attribute - color"),
        (1, "relation"),
        (2, "relation - non-spatial"),
        (1, "other"),
        (2, "other - count"),
        (1, "mood"),
        (2, "mood - [b]dark[/b]"),
    ]


def test_every_score_stands_beside_its_counts() -> None:
    text = shown(make_card(item_ids=ANSWERS))
    rows = {" ".join(line.split()[:1]): line.split() for line in text.splitlines() if line.strip()}
    assert rows["overall"] == ["overall", "62.50", "25.0–87.5", "8/1065", "56", "62.50", "25.0–87.5", "8/1065", "55"]
    assert rows["other"] == ["other", "62.50", "25.0–87.5", "8/1065", "8", "71.43", "28.6–100.0", "7/1065", "7"]
    assert "partial: 8 of 1065 prompts" in text


def test_nothing_is_cut_off_in_80_columns() -> None:
    text = shown(make_card(EVERY_ANSWER, item_ids=list(EVERY_ANSWER)[:999]))
    assert "999/1065" in text
    assert "…" not in text
    assert "non-spatial" in text


def test_an_incomplete_run_shows_no_overall_score_and_says_what_is_missing() -> None:
    text = shown(make_card())
    overall = next(line.split() for line in text.splitlines() if line.split()[:1] == ["overall"])
    assert overall == ["overall", "-", "8/1065", "56", "-", "8/1065", "55"]
    assert text.count("left out:") == 1, "what both protocols leave out is told once"
    assert "corrected and official: 8 of 1065 prompts scored; left out:" in text
    assert "No corrected or official overall score" in text
    assert "item8: no answers" in text
    assert "and 1052 more" in text
    assert "--allow-missing" in text
    assert "62.50" in shown(make_card(allow_missing=True)).split("global")[0]


def test_what_only_one_protocol_leaves_out_is_told_of_that_one() -> None:
    first = Prompt("item0", "A prompt.", QUESTIONS[:1])
    suite = Suite("test", "test.csv", (first, *SUITE.prompts[1:8]))
    answers = {**ANSWERS, "item0": {image: {1: "yes"} for image in range(4)}}
    run = RunCard(model="sd15", images_per_prompt=4, scored_by="0.1.0")
    text = shown(answers_to_scorecard(suite, answers, judge=JudgeCard(name="mplug", fingerprint="abc"), run=run))
    assert "official: 7 of 8 prompts scored; left out:" in text
    assert "corrected and official" not in text


def test_intervals_and_the_noise_of_seeds_are_shown() -> None:
    text = shown(
        make_card({**ANSWERS, "item1": {**ANSWERS["item1"], 3: dict.fromkeys(range(1, 8), "no")}}, item_ids=ANSWERS)
    )
    assert "95% confidence intervals over prompts" in text
    assert "standard deviation of 6.25 over the 4 images" in text
    everything = shown(make_card(EVERY_ANSWER))
    assert "100.00  no spread" in everything
    assert max(map(len, everything.partition("The ranges")[0].splitlines())) <= 80


def test_a_scorecard_without_intervals_is_shown_without() -> None:
    card = read_scorecard(Path(__file__).parents[2] / "data/scorecard_schema_1.json")
    assert "66.67" in shown(card)
    assert "confidence" not in shown(card)


def test_names_and_reasons_from_files_are_shown_as_they_are() -> None:
    text = shown(make_card(item_ids=["item1", "item2"], failures={"item1": "[bold]boom[/bold] " + "x" * 100}))
    assert "[b]dark[/b]" in text
    assert "item1: [bold]boom[/bold] " + "x" * 100 in text


def test_off_a_terminal_it_is_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert "\x1b" not in shown(make_card(untrained=True))


def test_untrained_weights_are_warned_of() -> None:
    assert "untrained weights: these scores mean nothing" in shown(make_card(untrained=True))
    assert "untrained" not in shown(make_card())


def test_csv_holds_the_same_numbers_with_all_digits() -> None:
    card = make_card(item_ids=ANSWERS)
    rows = list(csv.DictReader(io.StringIO(scorecard_to_csv(card))))
    assert tuple(rows[0]) == CSV_COLUMNS
    assert len(rows) == 2 * len(list(score_rows(card)))
    official = {row["category"]: row for row in rows if row["protocol"] == "official"}
    assert float(official["other"]["score"]) == card["official"].l1["other"].score
    assert (official["overall"]["prompts"], official["overall"]["prompts_expected"]) == ("8", "8")
    assert official["overall"]["prompts_in_suite"] == "1065"
    interval = card["official"].interval
    assert (float(official["overall"]["low"]), float(official["overall"]["high"])) == (interval.low, interval.high)


def test_csv_leaves_a_withheld_score_empty() -> None:
    rows = list(csv.DictReader(io.StringIO(scorecard_to_csv(make_card()))))
    assert [row["score"] for row in rows if row["category"] == "overall"] == ["", ""]
