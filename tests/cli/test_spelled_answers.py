"""Answers of other programs are read; what says neither yes nor no is refused or missing, and never a no."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dpg_bench.judge.imported.spelling import NoAnswerError, read_answer
from tests.cli.conftest import Dpgbench
from tests.cli.test_results_apart import CSV, SUITE

HEADER = "item_id,image,proposition_id,answer\n"


@pytest.fixture
def suite(tmp_path: Path) -> str:
    (tmp_path / "suite.csv").write_text(SUITE)
    return "suite.csv"


@pytest.mark.parametrize(
    "text", ["yes", "Yes", " YES ", "yes.", '"Yes"', "y", "true", "True", "1", "1.0", "Yes, it is."]
)
def test_a_yes_is_one_however_it_is_spelled(text: str) -> None:
    assert read_answer(text) == "yes"


@pytest.mark.parametrize("text", ["no", "No", " NO ", "no.", "n", "false", "FALSE", "0", "0.0", "No, there isn't."])
def test_a_no_is_one_however_it_is_spelled(text: str) -> None:
    assert read_answer(text) == "no"


@pytest.mark.parametrize("text", ["", "  ", "nan", "NaN", "null", "None", "N/A", "<NA>"])
def test_nothing_is_no_answer(text: str) -> None:
    assert read_answer(text) is None


@pytest.mark.parametrize("text", ["two", "no bus", "yes and no", "maybe", "2", "0.7", "-1", "yesno", "yes, no"])
def test_other_words_are_neither(text: str) -> None:
    with pytest.raises(NoAnswerError):
        read_answer(text)


def corrected(dpgbench: Dpgbench, file: str, content: str, suite: str) -> tuple[int, dict[str, object], str]:
    Path(file).write_text(content)
    result = dpgbench("score", "--answers", file, "--suite", suite, "--out", f"out-{file}", "--json")
    return result.exit_code, json.loads(result.stdout) if result.stdout else {}, result.stderr


def test_files_that_say_the_same_score_the_same(dpgbench: Dpgbench, suite: str) -> None:
    spelled = {"yes": "no", "Yes": "No", "yes.": "No.", "TRUE": "FALSE", "1": "0", " yes": " no "}
    overall = set()
    for number, (yes, no) in enumerate(spelled.items()):
        content = CSV.replace("yes", yes).format(no)
        code, card, _ = corrected(dpgbench, f"{number}.csv", content, suite)
        assert code == 0
        overall.add(card["protocols"]["corrected"]["overall"])
    for number, (yes, no) in enumerate([("Yes", "no."), (True, False), (1, 0)]):
        rows = [("fox", 1, no), ("fox", 2, yes), ("boat", 1, yes), ("boat", 2, yes)]
        lines = [{"item_id": i, "image": 0, "proposition_id": q, "answer": answer} for i, q, answer in rows]
        code, card, _ = corrected(dpgbench, f"{number}.jsonl", "\n".join(map(json.dumps, lines)), suite)
        assert code == 0
        assert card["answered"]["rule"] == "read"
        overall.add(card["protocols"]["corrected"]["overall"])
    assert overall == {50.0}


def test_an_empty_answer_is_missing_and_its_item_unscored(dpgbench: Dpgbench, suite: str) -> None:
    code, card, _ = corrected(dpgbench, "a.csv", CSV.format(""), suite)
    assert code == 3
    assert card["answered"]["blank"] == 1
    assert [gap["item_id"] for gap in card["protocols"]["corrected"]["excluded"]] == ["fox"]
    assert card["protocols"]["corrected"]["overall"] is None


def test_what_is_no_answer_is_refused_by_row(dpgbench: Dpgbench, suite: str) -> None:
    code, _, said = corrected(dpgbench, "a.csv", CSV.format("yep"), suite)
    assert code == 2
    assert "a.csv, row 2: the answer is 'yep', which is neither yes nor no" in said


@pytest.mark.parametrize("text", ["no bus", "two", "Three", "no traffic light"])
def test_free_text_of_mplug_stays_what_the_official_script_makes_of_it_and_is_counted(
    dpgbench: Dpgbench, suite: str, text: str
) -> None:
    code, card, _ = corrected(dpgbench, "a.csv", CSV.format(text), suite)
    _, as_no, _ = corrected(dpgbench, "b.csv", CSV.format("no"), suite)
    assert code == 0
    assert card["protocols"] == as_no["protocols"]
    assert card["answered"]["neither"] == 1


@pytest.mark.parametrize("text", ["yep", "yeah", "correct", "maybe", "not sure", "n/a?", "2", "a red bus", "no, yes"])
def test_what_might_be_anything_is_never_a_no(dpgbench: Dpgbench, suite: str, text: str) -> None:
    code, _, said = corrected(dpgbench, "a.csv", CSV.format(f'"{text}"'), suite)
    assert (code, "neither yes nor no" in said) == (2, True)


def test_what_the_official_judge_said_keeps_the_official_rule_and_is_counted(dpgbench: Dpgbench, suite: str) -> None:
    questions = [
        ("fox", "Is the fox red?", "Yes"),
        ("boat", "Is there a boat?", "yes"),
        ("boat", "Is the boat red?", "no bus"),
    ]
    content = "".join(f"images/{item}.png, (0, 0, 16, 16), {text}, {answer}\n" for item, text, answer in questions)
    code, card, _ = corrected(dpgbench, "a_detail.txt", content, suite)
    assert code == 0
    assert card["answered"] | {"sha256": None} == {
        "rule": "official", "neither": 2, "blank": 0, "sha256": None, "items_sha256": None,
    }  # fmt: skip
    assert card["protocols"]["corrected"]["overall"] == 50.0
    shown = dpgbench("score", "--answers", "a_detail.txt", "--suite", suite, "--out", "out-a_detail.txt")
    assert "2 answers are neither yes nor no; they count as no, as in the official script." in shown.output
    kept = "out-a_detail.txt/judgements/imported/answers.jsonl"
    again = dpgbench("score", "--answers", kept, "--suite", suite, "--out", "again", "--json")
    assert json.loads(again.stdout)["answered"]["neither"] == 2
