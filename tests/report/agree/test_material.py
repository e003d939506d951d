"""Whose answers about whose images: what is put together, what is kept apart, and what is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.files.answer_lines import AnswerLine, write_answer_lines
from dpg_bench.records import Suite
from dpg_bench.report.agree.result import Agreement, find_agreement
from tests.report.agree.conftest import EXCERPT, answer_lines, drawn, read_rows, write_dsg


def agree(*paths: Path | str, **options: object) -> Agreement:
    return find_agreement([Path(path) for path in paths], resamples=99, **options)  # type: ignore[arg-type]


def test_a_run_and_a_file_are_held_against_each_other(two_judges: Path, sample: Suite) -> None:
    found = agree(two_judges / "fox", two_judges / "other.jsonl")
    (pair,) = found.pairs
    assert (pair.first, pair.second) == ("imported (fox)", "other")
    assert pair.overall.answers == 2 * sample.question_count
    assert found.material.has_graph
    assert found.material.models == ("fox",)
    assert found.material.remarks == (f"{two_judges / 'other.jsonl'}: taken to be about 'fox'.",)


def test_a_judge_is_called_as_the_user_says(two_judges: Path) -> None:
    found = agree(f"ours={two_judges / 'fox'}", f"theirs={two_judges / 'other.jsonl'}")
    assert found.material.judges == ("ours", "theirs")


def test_answers_of_two_fingerprints_are_of_two_judges_whatever_they_are_called(tmp_path: Path, sample: Suite) -> None:
    for number, folder in enumerate(("a", "b")):
        (tmp_path / folder).mkdir()
        write_answer_lines(tmp_path / folder / "vlm.jsonl", answer_lines(sample, drawn(number), judge=f"{number}" * 12))
    found = agree(tmp_path / "a" / "vlm.jsonl", tmp_path / "b" / "vlm.jsonl", suite="sample")
    assert found.material.judges == ("vlm (00000000)", "vlm (11111111)")


def test_a_judge_twice_about_the_same_images_is_refused(two_judges: Path) -> None:
    other = two_judges / "other.jsonl"
    with pytest.raises(BadInputError, match=r"both answers of 'x' about 'fox'. Give each judge a name of its own"):
        agree(f"x={two_judges / 'fox'}", f"x={other}")
    with pytest.raises(BadInputError, match="All answers here are of one judge, 'other'"):
        agree(other)


def test_images_of_the_same_content_are_one_model_wherever_they_were_judged(tmp_path: Path, sample: Suite) -> None:
    def lines(seed: int, mark: str) -> list[AnswerLine]:
        return [
            line.model_copy(update={"image_sha256": f"{mark} {line.item_id} {line.image}"})
            for line in answer_lines(sample, drawn(seed))
        ]

    write_answer_lines(tmp_path / "a.jsonl", lines(1, "x"))
    write_answer_lines(tmp_path / "b.jsonl", lines(2, "x"))
    write_answer_lines(tmp_path / "c.jsonl", lines(3, "y"))
    assert len(agree(tmp_path / "a.jsonl", tmp_path / "b.jsonl", suite="sample").pairs) == 1
    with pytest.raises(BadInputError, match="have no question about any image in common"):
        agree(tmp_path / "a.jsonl", tmp_path / "c.jsonl", suite="sample")


def test_what_is_neither_yes_nor_no_is_no_yes_and_told(tmp_path: Path) -> None:
    rows = [row for row in read_rows(EXCERPT / "mplug_dsg.csv") if row["t2i_model"] == "mini-dalle"]
    sure = write_dsg(tmp_path / "sure.csv", ({**row, "answer": "yes"} for row in rows))
    words = ["Yes.", "no", "no bus", "", "unanswerable"]
    other = write_dsg(
        tmp_path / "other.csv", ({**row, "answer": words[n] if n < 5 else "yes"} for n, row in enumerate(rows))
    )
    (pair,) = agree(sure, other).pairs
    assert (pair.overall.answers, pair.overall.only_first) == (len(rows), 4)
    assert pair.unanswered == (0, 2)
    assert (pair.answered.answers, pair.answered.only_first) == (len(rows) - 2, 2)
    assert sorted(flip.second for flip in pair.flips) == ["", "", "no", "no"]


def test_questions_put_to_one_judge_alone_count_nowhere(tmp_path: Path, sample: Suite) -> None:
    lines = answer_lines(sample, drawn(1))
    write_answer_lines(tmp_path / "all.jsonl", lines)
    write_answer_lines(tmp_path / "some.jsonl", lines[:40])
    (pair,) = agree(tmp_path / "all.jsonl", tmp_path / "some.jsonl", suite="sample").pairs
    assert (pair.overall.answers, pair.first_alone, pair.second_alone) == (40, len(lines) - 40, 0)
    assert pair.overall.agreement == 1


def test_flips_are_shown_surest_first_where_both_judges_say_how_sure_they_are(tmp_path: Path, sample: Suite) -> None:
    lines = answer_lines(sample, lambda *_: "yes")
    sure = [line.model_copy(update={"p_yes": 0.9}) for line in lines]
    doubts = [
        line.model_copy(update={"p_yes": 0.001 * n, "answer": "no"})
        if n < 300
        else line.model_copy(update={"p_yes": 0.9})
        for n, line in enumerate(lines)
    ]
    write_answer_lines(tmp_path / "sure.jsonl", sure)
    write_answer_lines(tmp_path / "doubts.jsonl", reversed(doubts))
    (pair,) = agree(tmp_path / "sure.jsonl", tmp_path / "doubts.jsonl", suite="sample").pairs
    assert [flip.p_yes[1] for flip in pair.flips] == [pytest.approx(0.001 * n) for n in range(300)]
    soft = agree(tmp_path / "sure.jsonl", tmp_path / "doubts.jsonl", suite="sample", scoring="soft")
    assert soft.pairs[0].items is not None
    assert soft.pairs[0].items.images == 2 * len(sample)


def test_answers_about_unnamed_images_are_refused_where_there_are_several_models(two_judges: Path) -> None:
    rows = read_rows(EXCERPT / "mplug_dsg.csv")
    one = write_dsg(two_judges / "one.csv", rows)
    named = [
        AnswerLine(item_id=r["item_id"], image=0, proposition_id=int(r["question_id"]), answer="yes") for r in rows
    ]
    write_answer_lines(two_judges / "unnamed.jsonl", named)
    with pytest.raises(
        BadInputError, match=r"doesn't say about which model's images it is, and there are 2: mini-dalle"
    ):
        agree(one, two_judges / "unnamed.jsonl")


@pytest.mark.parametrize(
    ("paths", "options", "message"),
    [
        (["nothing"], {}, "There is no .*nothing. Name a run folder, a judgement, or a file of answers"),
        (["."], {}, "holds no scorecard. Score it first"),
        (
            ["one.jsonl", "other.jsonl"],
            {"scoring": "corrected"},
            "Others need the questions' graph: name it with suite",
        ),
        (["one.jsonl", "other.jsonl"], {"confidence": 1.5}, "must lie between 0.5 and 1"),
        (["fox", "other.jsonl"], {"judges": ["mplug"]}, "Unknown judge 'mplug'"),
        (["fox", "other.jsonl"], {"suite": "miniature"}, "Only answers to the same questions can be held"),
    ],
)
def test_what_cannot_be_held_against_each_other_is_refused(
    two_judges: Path, paths: list[str], options: dict[str, object], message: str
) -> None:
    with pytest.raises(BadInputError, match=message):
        agree(*(two_judges / path for path in paths), **options)
