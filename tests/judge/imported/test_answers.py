"""Answers from elsewhere mean the same in all three formats, and what can't be meant is refused by file and line."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpg_bench.errors import BadInputError
from dpg_bench.judge.imported.answers import read_answers
from dpg_bench.records import Prompt, Question, Suite


def prompt(item_id: str, *texts: str) -> Prompt:
    questions = (Question(n, (), "entity", "entity - whole", text) for n, text in enumerate(texts, start=1))
    return Prompt(item_id, "A prompt.", tuple(questions))


SUITE = Suite("test", "test.csv", (prompt("first", "Skipped?", "Kept?"), prompt("a", "A cat?", "Is it red, or blue?")))
HEADER = "item_id,image,proposition_id,answer\n"


def read(folder: Path, text: str, *, suite: Suite = SUITE, images_per_prompt: int | None = None) -> dict[str, object]:
    path = folder / "answers"
    path.write_text(text, encoding="utf-8", newline="")
    return dict(read_answers(path, suite, images_per_prompt=images_per_prompt).table)


def line(
    item_id: object = "a", image: object = 0, proposition_id: object = 1, answer: object = "yes", **more: str
) -> str:
    return (
        json.dumps({"item_id": item_id, "image": image, "proposition_id": proposition_id, "answer": answer, **more})
        + "\n"
    )


def detail(answer: str, *, question: str = "A cat?", box: str = "0, 0, 16, 16", path: str = "images/a.png") -> str:
    return f"{path}, ({box}), {question}, {answer}\n"


def test_all_three_formats_say_the_same(tmp_path: Path) -> None:
    expected = {"a": {0: {1: "yes", 2: "no"}, 1: {1: "no"}}}
    assert read(tmp_path, line() + line(proposition_id=2, answer="no") + line(image=1, answer="no")) == expected
    assert read(tmp_path, HEADER + "a,0,1,yes\na,0,2,no\na,1,1,no\n") == expected
    second = detail("no", box="16, 0, 32, 16")
    assert read(tmp_path, detail("yes") + detail("no", question="Is it red, or blue?") + second) == expected


@pytest.mark.parametrize(
    ("text", "form"), [(line(), "jsonl"), (HEADER + "a,0,1,yes", "csv"), (detail("yes"), "detail")]
)
def test_the_format_is_known_by_content_and_the_number_of_images_by_the_highest(
    tmp_path: Path, text: str, form: str
) -> None:
    path = tmp_path / "any.name"
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    answers = read_answers(path, SUITE)
    assert (answers.format, answers.images_per_prompt, answers.judge_fingerprint) == (form, 1, None)
    assert read_answers(path, SUITE, images_per_prompt=4).images_per_prompt == 4


def test_windows_line_ends_and_blank_lines_do_no_harm(tmp_path: Path) -> None:
    for text in (line() + "\n", HEADER + "a,0,1,yes\n\n", detail("yes") + "\n"):
        assert read(tmp_path, text.replace("\n", "\r\n")) == {"a": {0: {1: "yes"}}}


# ---- our own answers.jsonl


def test_an_identical_repeat_is_fine_and_a_contradiction_is_not(tmp_path: Path) -> None:
    assert read(tmp_path, line() + line()) == {"a": {0: {1: "yes"}}}
    with pytest.raises(
        BadInputError, match=r"line 2: question 1 about image 0 of item 'a' is answered 'no', but 'yes'"
    ):
        read(tmp_path, line() + line(answer="no"))


def test_answers_about_a_newer_image_replace_all_about_the_older(tmp_path: Path) -> None:
    old = line(image_sha256="old") + line(proposition_id=2, image_sha256="old")
    assert read(tmp_path, old + line(answer="no", image_sha256="new")) == {"a": {0: {1: "no"}}}


def test_answers_of_two_judges_are_not_mixed(tmp_path: Path) -> None:
    path = tmp_path / "answers"
    path.write_text(line(judge_fingerprint="one"))
    assert read_answers(path, SUITE).judge_fingerprint == "one"
    with pytest.raises(BadInputError, match="line 2: the judge's fingerprint is two, but one"):
        read(tmp_path, line(judge_fingerprint="one") + line(proposition_id=2, judge_fingerprint="two"))


def test_a_torn_last_line_is_left_out_and_a_whole_one_without_newline_is_not(tmp_path: Path) -> None:
    assert read(tmp_path, line() + line(proposition_id=2)[:-8]) == {"a": {0: {1: "yes"}}}
    assert read(tmp_path, line() + line(proposition_id=2)[:-1]) == {"a": {0: {1: "yes", 2: "yes"}}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (line()[:-9] + "\n" + line(), "line 1 can't be read as JSON"),
        (line(image="first"), "line 1: the image is 'first', not a whole number from 0"),
        (line(image=0.5), "line 1: the image is '0.5', not a whole number from 0"),
        (line(proposition_id=""), "line 1: the proposition_id is empty"),
        (line(image=True), "line 1 is damaged at 'image'"),
        (line(image=-1), "line 1 is damaged at 'image'"),
        (line() + '{"item_id": "a"}\n', "line 2 is damaged at 'image'"),
        (line(item_id="zebra"), r"line 1: item 'zebra' is not in the suite 'test', which has 2 items such as 'first'"),
        (line(proposition_id=9), "line 1: item 'a' has no question 9 in the suite 'test', which has 1, 2"),
        (
            line(question="A dog?"),
            r"line 1: question 1 of item 'a' was 'A dog\?', but is 'A cat\?' in the suite 'test'",
        ),
        (line(image=1) + line(image=2), "no answer about any item's image 0"),
    ],
)
def test_a_bad_json_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        read(tmp_path, text)


# ---- CSV


def test_csv_columns_may_stand_in_any_order_beside_others(tmp_path: Path) -> None:
    assert read(tmp_path, 'note,answer,image,item_id,proposition_id\n"x,\ny",no,0,a,2\n') == {"a": {0: {2: "no"}}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("item_id,image,proposition_id\na,0,1\n", "lacks the column 'answer'"),
        (HEADER + "a,0,1\n", "row 2: it has 3 cells, the header has 4"),
        (HEADER + "a,,1,yes\n", "row 2: the image is empty"),
        (HEADER + "a,first,1,yes\n", "row 2: the image is 'first', not a whole number"),
        (HEADER + "a,0,-1,yes\n", "row 2: the proposition_id is '-1'"),
        (HEADER + f"a,{'9' * 5000},1,yes\n", "row 2: the image is '9999"),
        (HEADER + 'a,0,1,"yes\n', "row 2 .near line 2.: bad CSV"),
        (HEADER + "b,0,1,yes\n", "row 2: item 'b' is not in the suite"),
        (HEADER + "a,0,1,yes\na,0,1,no\n", "row 3: question 1 about image 0"),
    ],
)
def test_a_bad_csv_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        read(tmp_path, text)


# ---- the official script's detail file


def test_commas_in_paths_questions_and_answers_are_told_apart(tmp_path: Path) -> None:
    path = "runs, old/(1, 2)/a.best.png"
    text = detail("red, white", path=path) + detail("yes", question="Is it red, or blue?", path=path)
    assert read(tmp_path, text) == {"a": {0: {1: "red, white", 2: "yes"}}}
    assert read(tmp_path, detail("yes", path="C:\\images\\a.png")) == {"a": {0: {1: "yes"}}}


def test_boxes_are_the_images_of_the_grid_row_by_row(tmp_path: Path) -> None:
    boxes = ["0, 0, 16, 16", "16, 0, 32, 16", "0, 16, 16, 32", "16, 16, 32, 32"]
    text = "".join(detail(str(number), box=box) for number, box in enumerate(boxes))
    assert read(tmp_path, text) == {"a": {number: {1: str(number)} for number in range(4)}}


def test_the_first_row_of_the_suite_has_no_line(tmp_path: Path) -> None:
    path = tmp_path / "detail.txt"
    path.write_text(detail("yes", question="Kept?", path="images/first.png"))
    answers = read_answers(path, SUITE)
    assert answers.table == {"first": {0: {2: "yes"}}}
    assert answers.never_asked == {"first": "the official script never asks this item's first question"}
    with pytest.raises(BadInputError, match="line 1: the suite has no such question"):
        read(tmp_path, detail("yes", question="Skipped?", path="images/first.png"))


def test_questions_of_the_same_text_are_told_apart_by_their_order(tmp_path: Path) -> None:
    suite = Suite("test", "test", (prompt("first", "Skipped?"), prompt("a", "Same?", "Other?", "Same?")))
    tile = [detail("yes", question="Same?"), detail("no", question="Other?"), detail("two", question="Same?")]
    assert read(tmp_path, "".join(tile), suite=suite) == {"a": {0: {1: "yes", 2: "no", 3: "two"}}}


def test_where_an_item_starts_over_the_new_pass_counts(tmp_path: Path) -> None:
    old = detail("no") + detail("no", question="Is it red, or blue?") + detail("no", box="16, 0, 32, 16")
    assert read(tmp_path, old + detail("yes")) == {"a": {0: {1: "yes"}}}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (detail("yes") + "images/a.png, (0, 0, 16\n", "line 2 is damaged: 'images/a.png, "),
        (detail("yes", path="images/zebra.png"), "line 1: item 'zebra' is not in the suite"),
        (detail("yes", question="A dog?"), r"line 1: the suite has no such question for this item: 'A dog\?, yes'"),
        (detail("yes", box="32, 0, 48, 16"), r"line 1: the box \(32, 0, 48, 16\) is no tile of a 2×2 grid"),
        (detail("yes", box="0, 0, 16, 8"), "line 1: the box"),
        (detail("yes", box="0, 0, 0, 0"), "line 1: the box"),
        (detail("yes") + detail("no", question="Is it red, or blue?") * 2, "line 3: .* answered twice"),
        (detail("yes") + detail("yes", path="images/a.jpg"), "line 2: item 'a' is read from images/a.jpg, but from"),
    ],
)
def test_a_bad_detail_line_is_named(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(BadInputError, match=message):
        read(tmp_path, text)


# ---- any format


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b" \n\n", "is empty"),
        (b"\xff\xfd", "is not UTF-8"),
        (b"a red cat\n", "no answers file: its first line is 'a red cat'"),
        (b"<html>", "no answers file"),
    ],
)
def test_a_file_of_no_format_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    path = tmp_path / "answers"
    path.write_bytes(content)
    with pytest.raises(BadInputError, match=message) as raised:
        read_answers(path, SUITE)
    assert str(path) in str(raised.value)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="can't be read: No such file"):
        read_answers(tmp_path / "absent", SUITE)


@pytest.mark.parametrize("text", [line(image=4), HEADER + "a,4,1,yes\n"])
def test_more_images_than_asked_for_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(BadInputError, match=r"about image 4 of item 'a'.*images_per_prompt says 4"):
        read(tmp_path, text, images_per_prompt=4)


@given(st.binary(max_size=200), st.sampled_from([b"", line().encode(), HEADER.encode(), detail("yes").encode()]))
@settings(deadline=None)
def test_no_content_makes_it_crash(tmp_path_factory: pytest.TempPathFactory, tail: bytes, head: bytes) -> None:
    path = tmp_path_factory.getbasetemp() / "fuzzed"
    path.write_bytes(head + tail)
    with suppress(BadInputError):
        assert read_answers(path, SUITE).images_per_prompt >= 1


def test_one_list_of_json_and_other_separators_say_the_same(tmp_path: Path) -> None:
    expected = {"a": {0: {1: "yes", 2: "no"}}}
    entries = [json.loads(line()), json.loads(line(proposition_id="2", answer=False).replace('"2"', "2"))]
    assert read(tmp_path, json.dumps(entries, indent=1)) == expected
    for separator in (";", "\t"):
        assert read(tmp_path, (HEADER + "a,0,1,yes\na,0,2,no\n").replace(",", separator)) == expected
    with pytest.raises(BadInputError, match="entry 2: item 'zebra' is not in the suite"):
        read(tmp_path, json.dumps([entries[0], {**entries[0], "item_id": "zebra"}]))
    with pytest.raises(BadInputError, match="can't be read as JSON"):
        read(tmp_path, "[{")


def test_a_column_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="the column 'answer' is there 2 times"):
        read(tmp_path, "item_id,image,proposition_id,answer,Answer\na,0,1,yes,no\n")


@pytest.mark.parametrize(
    "text",
    ["Item_ID,Image,Proposition_ID,Answer\na,0,1,yes\n", "item_id|image|proposition_id|answer\na|0.0|1.0|yes\n"],
    ids=["names in another case", "bars and numbers of data frames"],
)
def test_columns_are_known_however_they_are_written(tmp_path: Path, text: str) -> None:
    assert read(tmp_path, text) == {"a": {0: {1: "yes"}}}


def test_numbers_in_json_may_be_text_or_those_of_data_frames(tmp_path: Path) -> None:
    assert read(tmp_path, line(image="0", proposition_id=" 2 ") + line(image=0.0)) == {"a": {0: {1: "yes", 2: "yes"}}}


def test_a_last_line_is_left_out_only_where_it_was_torn(tmp_path: Path) -> None:
    assert read(tmp_path, line() + line(proposition_id=2)[:-9]) == {"a": {0: {1: "yes"}}}
    with pytest.raises(BadInputError, match="line 2: the image is 'first'"):
        read(tmp_path, line() + line(image="first").strip())
    with pytest.raises(BadInputError, match="line 1 is damaged at 'item_id'"):
        read(tmp_path, json.dumps({"answers": [json.loads(line())]}))


def test_what_programs_write_for_nothing_is_counted_as_empty(tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    path.write_text(HEADER + "a,0,1,nan\na,0,2,\nfirst,0,1,yes\n")
    assert read_answers(path, SUITE).blank == 2
