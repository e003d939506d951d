"""Question files as people write them by hand: every odd row is told, with what was made of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.records import Prompt
from dpg_bench.suite import mending
from dpg_bench.suite.forms.csv import csv_rows
from dpg_bench.suite.mending import MendedPrompts, mended_prompts, mends_text, recorded

ToCsv = Callable[..., bytes]


def row(item: str, number: str, dependency: str, question: str, **changes: str) -> list[str]:
    """One row of a sound table, with changed cells by column."""
    cells = {
        "item_id": item,
        "text": f"A picture of {item}.",
        "keywords": "",
        "proposition_id": number,
        "dependency": dependency,
        "category_broad": "entity",
        "category_detailed": "whole",
        "tuple": "entity - whole (thing)",
        "question_natural_language": question,
    }
    return list((cells | changes).values())


FOX = [row("fox", "1", "0", "Is there a fox?"), row("fox", "2", "1", "Is it red?")]
BOAT = [row("boat", "1", "0", "Is there a boat?")]


@pytest.fixture
def mend(to_csv: ToCsv) -> Callable[[Sequence[Sequence[str]]], MendedPrompts]:
    """What is made of these rows."""
    return lambda rows: mended_prompts(csv_rows(to_csv(rows), "my.csv"), "my.csv", strict=False)


Mend = Callable[[Sequence[Sequence[str]]], MendedPrompts]


def parents(prompt: Prompt) -> dict[int, tuple[int, ...]]:
    return {question.proposition_id: question.parents for question in prompt.questions}


@pytest.mark.parametrize(
    ("cell", "expected"),
    [
        ("1, left", (1,)),
        ("baseball bat, 2, 1", (2, 1)),
        ("[1, 2]", (1, 2)),
        ("1;2", (1, 2)),
        ("1 and 2", (1, 2)),
        ("1,", (1,)),
        ("1.0", (1,)),
        ("left", ()),
        ("none", ()),
        ("-", ()),
        ("", ()),
        ("-1", ()),
        ("1: left", (1,)),
        ("1-left", (1,)),
        ("(1) left", (1,)),
        ("#1 and #2", (1, 2)),
        ("2nd", ()),
        ("1.5", ()),
        ("9" * 5000, ()),
    ],
)
def test_the_numbers_of_a_dependency_are_taken_whatever_stands_beside_them(
    mend: Mend, cell: str, expected: tuple[int, ...]
) -> None:
    found = mend([*FOX, row("fox", "3", cell, "Is it left?"), *BOAT])
    assert parents(found.prompts[0])[3] == expected
    (told,) = found.mends
    assert (told.kind, told.place, told.item_id, told.found) == (
        mending.WORD,
        "row 4",
        "fox",
        f"the dependency is {cell!r}",
    )
    assert told.made == f"read as {', '.join(map(str, expected)) or 'no parent'}"


@pytest.mark.parametrize("cell", ["1-2", "1 - 2", "1–2", "2, 1-2"])
def test_a_dependency_that_may_be_a_range_leaves_its_item_out(mend: Mend, cell: str) -> None:
    found = mend([*FOX, row("fox", "3", cell, "Is it left?"), *BOAT])
    assert [prompt.item_id for prompt in found.prompts] == ["boat"]
    (told,) = found.mends
    assert (told.kind, told.place, told.item_id) == (mending.LEFT_OUT, "row 4", "fox")
    assert "a range or two parents: write them with commas" in told.found


def test_a_parent_that_is_oneself_or_has_no_row_is_dropped(mend: Mend) -> None:
    found = mend([FOX[0], row("fox", "2", "1, 2, 7", "Is it red?")])
    assert parents(found.prompts[0]) == {1: (), 2: (1,)}
    assert [told.kind for told in found.mends] == [mending.SELF, mending.NO_ROW]


def test_an_empty_question_is_not_asked_and_nobody_waits_for_it(mend: Mend) -> None:
    found = mend([FOX[0], row("fox", "2", "1", "  "), row("fox", "3", "2, 1", "Is it big?")])
    assert parents(found.prompts[0]) == {1: (), 3: (1,)}
    assert [told.kind for told in found.mends] == [mending.EMPTY, mending.NO_ROW]


def test_a_doubled_id_is_renumbered_where_nobody_depends_on_it(mend: Mend) -> None:
    found = mend([*FOX, row("fox", "2", "1", "Is it big?"), row("fox", "3", "1", "Is it old?")])
    assert [q.proposition_id for q in found.prompts[0].questions] == [1, 2, 4, 3]
    assert [str(told) for told in found.mends] == ["row 4, item 'fox': there is a proposition 2 already: renumbered 4"]


def test_a_doubled_id_that_others_depend_on_leaves_its_item_out_and_no_other(mend: Mend) -> None:
    found = mend([*FOX, row("fox", "1", "0", "Is there a lantern?"), *BOAT])
    assert [prompt.item_id for prompt in found.prompts] == ["boat"]
    (told,) = found.mends
    assert (told.kind, told.item_id, told.place) == (mending.LEFT_OUT, "fox", "row 4")


def test_a_row_that_stands_there_twice_is_asked_once(mend: Mend) -> None:
    found = mend([*FOX, FOX[0], FOX[1]])
    assert found.prompts == mend(FOX).prompts
    assert [told.kind for told in found.mends] == [mending.TWICE, mending.TWICE]


@pytest.mark.parametrize(("cell", "number"), [("2.0", 2), ("two", 3), ("", 3), ("-2", 3)])
def test_an_id_that_is_no_number_is_replaced(mend: Mend, cell: str, number: int) -> None:
    found = mend([FOX[0], row("fox", cell, "1", "Is it red?"), row("boat", "2", "0", "Is there a boat?")])
    assert found.prompts[0].questions[1].proposition_id in {number, 2}
    assert [told.kind for told in found.mends] == [mending.NEW_ID]


def test_ids_that_begin_at_0_can_be_read_in_two_ways_so_the_item_is_left_out(mend: Mend) -> None:
    found = mend([row("fox", "0", "0", "Is there a fox?"), row("fox", "1", "0", "Is it red?"), *BOAT])
    assert [prompt.item_id for prompt in found.prompts] == ["boat"]
    assert "ids start at 1" in str(found.mends[0])


def test_merged_cells_of_a_spreadsheet_are_filled(mend: Mend) -> None:
    found = mend([FOX[0], row("", "2", "1", "Is it red?", text=""), *BOAT])
    assert found.prompts == mend([*FOX, *BOAT]).prompts
    assert [told.kind for told in found.mends] == [mending.CELL]


def test_rows_that_lie_apart_are_read_together_unless_their_texts_differ(mend: Mend) -> None:
    apart = mend([FOX[0], *BOAT, FOX[1]])
    assert {prompt.item_id: prompt for prompt in apart.prompts} == {
        prompt.item_id: prompt for prompt in mend([*FOX, *BOAT]).prompts
    }
    assert [told.kind for told in apart.mends] == [mending.APART]
    two = mend([FOX[0], *BOAT, row("fox", "2", "1", "Is it red?", text="Another picture.")])
    assert [prompt.item_id for prompt in two.prompts] == ["boat"]


def test_stray_white_space_does_not_make_another_item_or_text(mend: Mend) -> None:
    found = mend([FOX[0], row(" fox ", "2", "1", "Is it red?", text="A picture  of fox. ")])
    assert found.prompts == mend(FOX).prompts
    assert [told.kind for told in found.mends] == [mending.CELL, mending.CELL]


def test_a_category_that_the_tuple_lacks_comes_from_its_own_columns(mend: Mend) -> None:
    found = mend([row("fox", "1", "0", "A?", tuple="(fox)"), row("fox", "2", "0", "B?", tuple="", category_broad="")])
    assert [q.category for q in found.prompts[0].questions] == ["entity - whole", mending.NO_CATEGORY]
    assert [told.kind for told in found.mends] == [mending.CELL, mending.CELL]


@pytest.mark.parametrize("item", ["x" * 201, ""])
def test_an_item_that_cannot_be_named_is_left_out(mend: Mend, item: str) -> None:
    found = mend([row(item, "1", "0", "Is there one?"), *FOX])
    assert [prompt.item_id for prompt in found.prompts] == ["fox"]
    assert [told.kind for told in found.mends] == [mending.LEFT_OUT]


def test_strict_refuses_with_all_odd_rows_in_one_message(to_csv: ToCsv) -> None:
    odd = [row("fox", "1", "0, red", "Is there a fox?"), row("fox", "2", "2", "Is it red?"), row("fox", "3", "9", "C?")]
    with pytest.raises(BadInputError) as caught:
        mended_prompts(csv_rows(to_csv(odd), "my.csv"), "my.csv", strict=True)
    for expected in (
        "my.csv has 3 odd places",
        "row 2, item 'fox'",
        "row 3, item 'fox'",
        "row 4, item 'fox'",
        "strict",
    ):
        assert expected in str(caught.value)


def test_a_file_of_which_nothing_is_left_is_refused_with_its_rows(mend: Mend) -> None:
    with pytest.raises(BadInputError, match=r"(?s)row 2, item 'fox'.*No item of it can be used"):
        mend([row("fox", "0", "0", "Is there a fox?")])


def test_many_odd_rows_are_counted_kind_by_kind(mend: Mend) -> None:
    rows = [*FOX, *(row("fox", str(number), f"{number}", f"Question {number}?") for number in range(3, 300))]
    mends = mend(rows).mends
    text = mends_text("my.csv", mends, shown=5)
    assert "297 ×" in text
    assert "… and 292 more" in text
    assert text.count("item 'fox'") == 5
    assert recorded(mends)[-1] == "… and 97 more"
    assert len(recorded(mends)) == 201
