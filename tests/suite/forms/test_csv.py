"""A sound CSV is read as it was written; a broken one is refused with file, row and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpg_bench.errors import BadInputError
from dpg_bench.records import Prompt, Question
from dpg_bench.suite.forms.csv import parse_csv
from dpg_bench.suite.rows import COLUMNS

Rows = list[list[str]]
ToCsv = Callable[..., bytes]


def test_rows_become_prompts_with_their_graph(rows: Rows, to_csv: ToCsv) -> None:
    assert parse_csv(to_csv(rows), "my.csv") == (
        Prompt(
            "one",
            "A red car, parked.",
            (
                Question(1, (), "entity", "entity - whole", "Is there a car?"),
                Question(2, (1,), "attribute", "attribute - color", "Is it red?"),
            ),
        ),
        Prompt("two", "An oil painting.", (Question(1, (), "global", "global -", "Is this an oil painting?"),)),
    )


@pytest.mark.parametrize(
    ("cell", "parents"), [("1,2", (1, 2)), ("2, 1", (2, 1)), ("0", ()), (" 1 ", (1,)), ("3", (3,))]
)
def test_dependencies_are_read_with_and_without_spaces(
    rows: Rows, to_csv: ToCsv, cell: str, parents: tuple[int, ...]
) -> None:
    rows.insert(2, [*rows[1][:3], "3", cell, *rows[1][5:]])
    assert parse_csv(to_csv(rows), "my.csv")[0].questions[2].parents == parents


def test_a_byte_order_mark_windows_line_ends_and_blank_lines_do_not_matter(rows: Rows, to_csv: ToCsv) -> None:
    content = to_csv(rows)
    spreadsheet = b"\xef\xbb\xbf" + content.replace(b"\n", b"\r\n\r\n")
    assert parse_csv(spreadsheet, "my.csv") == parse_csv(content, "my.csv")


def test_columns_that_say_nothing_new_may_be_absent_or_extra(rows: Rows, to_csv: ToCsv) -> None:
    lean = [[row[0], row[1], *row[3:6], row[7], row[8]] for row in rows]
    rich = [[*row, "human"] for row in lean]
    assert parse_csv(to_csv(lean, COLUMNS), "a.csv") == parse_csv(to_csv(rich, [*COLUMNS, "source"]), "a.csv")


@pytest.mark.parametrize(
    ("row", "column", "value", "message"),
    [
        (1, "proposition_id", "two", "my.csv, row 3, column 'proposition_id': 'two' is no whole number"),
        (1, "proposition_id", "2.0", "my.csv, row 3, column 'proposition_id': '2.0' is no whole number"),
        (1, "proposition_id", "-2", "my.csv, row 3, column 'proposition_id': '-2' is no whole number"),
        (0, "proposition_id", "0", "my.csv, row 2, column 'proposition_id': ids start at 1"),
        (1, "proposition_id", "1", "my.csv, row 3, column 'proposition_id': 1 is taken by my.csv, row 2"),
        (1, "dependency", "7", "my.csv, row 3, column 'dependency': item 'one' has no proposition 7"),
        (1, "dependency", "1,", "my.csv, row 3, column 'dependency': '1,' is no list of"),
        (1, "dependency", "one", "my.csv, row 3, column 'dependency': 'one' is no list of"),
        (0, "item_id", "", "my.csv, row 2, column 'item_id': the cell is empty"),
        (2, "item_id", "x" * 201, "my.csv, row 4, column 'item_id': The item id 'xxx"),
        (2, "text", " ", "my.csv, row 4, column 'text': the cell is empty"),
        (1, "text", "A blue car.", "my.csv, row 3, column 'text': item 'one' has another text here"),
        (1, "category_broad", "", "my.csv, row 3, column 'category_broad': the cell is empty"),
        (1, "tuple", "", "my.csv, row 3, column 'tuple': the cell is empty"),
        (1, "tuple", "(car)", "my.csv, row 3, column 'tuple': '(car)' begins with no category"),
        (2, "question_natural_language", "", "my.csv, row 4, column 'question_natural_language': the cell is empty"),
    ],
)
def test_a_bad_cell_is_named_by_file_row_and_column(
    spoil: Callable[[int, str, str], bytes], row: int, column: str, value: str, message: str
) -> None:
    with pytest.raises(BadInputError) as caught:
        parse_csv(spoil(row, column, value), "my.csv")
    assert message in str(caught.value)


@pytest.fixture
def spoil(rows: Rows, to_csv: ToCsv) -> Callable[[int, str, str], bytes]:
    """A sound table with one cell changed: row (from 0, below the header), column, value."""

    def change(row: int, column: str, value: str) -> bytes:
        header = next(csv.reader(io.StringIO(to_csv([]).decode())))
        rows[row][header.index(column)] = value
        return to_csv(rows)

    return change


def test_the_rows_of_an_item_must_stand_together(rows: Rows, to_csv: ToCsv) -> None:
    with pytest.raises(BadInputError, match=r"my\.csv, row 4, column 'item_id': 'one' was last seen at my\.csv, row 2"):
        parse_csv(to_csv([rows[0], rows[2], rows[1]]), "my.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "my.csv is empty"),
        (b"\xef\xbb\xbf\n \n", "my.csv is empty"),
        (b"item_id;text\n1;2\n", "my.csv, row 1: missing columns: item_id, text, proposition_id"),
        ("item_id\nfenêtre\n".encode("latin-1"), "my.csv, line 2: byte 0xea is not UTF-8"),
        ("item_id,text\n".encode("utf-16"), "my.csv, line 1: byte 0xff is not UTF-8"),
    ],
)
def test_what_is_no_such_table_is_refused(content: bytes, message: str) -> None:
    with pytest.raises(BadInputError) as caught:
        parse_csv(content, "my.csv")
    assert message in str(caught.value)


def test_a_table_without_rows_is_refused(to_csv: ToCsv) -> None:
    with pytest.raises(BadInputError, match="no questions below it"):
        parse_csv(to_csv([]), "my.csv")


def test_a_doubled_column_is_refused(rows: Rows, to_csv: ToCsv) -> None:
    header = [*COLUMNS[:-1], "text", COLUMNS[-1], "source"]
    with pytest.raises(BadInputError, match="row 1: column 'text' is there 2 times"):
        parse_csv(to_csv(rows, header), "my.csv")


def test_a_row_of_another_length_is_refused(rows: Rows, to_csv: ToCsv) -> None:
    content = to_csv(rows).replace(b'"A red car, parked."', b"A red car, parked.", 1)
    with pytest.raises(BadInputError, match=r"my\.csv, row 2: it has 10 cells, the header has 9 columns"):
        parse_csv(content, "my.csv")


def test_an_unclosed_quote_is_refused(rows: Rows, to_csv: ToCsv) -> None:
    with pytest.raises(BadInputError, match=r"my\.csv, row 5 .*bad CSV"):
        parse_csv(to_csv(rows) + b'three,"An endless text', "my.csv")


def test_verified_official_content_is_loaded_as_the_official_script_sees_it(to_csv: ToCsv) -> None:
    rows = [
        ["one", "x", "", "1", "0", "entity", "whole", "entity - whole (a)", "a?"],
        ["one", "x", "", "2", "9", "entity", "whole", "", "b?"],
        ["two", "y", "", "1", "0", "entity", "whole", "entity - whole (old)", "dropped?"],
        ["one", "other", "", "4", "0", "entity", "whole", "entity - whole (c)", "c?"],
        ["two", "z", "", "1", "1", "entity", "whole", "entity - whole (d)", "d?"],
        ["two", "z", "", "2", "8", "entity", "whole", "entity - whole (e)", "e?"],
        ["two", "z", "", "1", "2", "entity", "whole", "entity - whole (f)", "f?"],
    ]
    assert parse_csv(to_csv(rows), "official.csv", strict=False) == (
        Prompt("one", "other", (Question(4, (), "entity", "entity - whole", "c?"),)),
        Prompt(
            "two",
            "z",
            (
                Question(1, (2,), "entity", "entity - whole", "f?"),
                Question(2, (8,), "entity", "entity - whole", "e?"),
            ),
        ),
    )
    missing_parent = parse_csv(to_csv(rows[:2]), "official.csv", strict=False)[0].questions[1]
    assert missing_parent == Question(2, (9,), "", "", "b?")


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20).filter(str.strip)


@st.composite
def _questions(draw: st.DrawFn) -> tuple[Question, ...]:
    ids = draw(st.lists(st.integers(1, 10**6), min_size=1, max_size=5, unique=True))
    parents = st.lists(st.sampled_from(ids), max_size=3).map(tuple)  # any graph, cycles included
    categories = st.sampled_from(["entity - whole", "relation - non-spatial", "global -"])
    return tuple(
        Question(number, draw(parents), category.partition("-")[0].strip(), category, draw(_TEXT))
        for number, category in ((number, draw(categories)) for number in ids)
    )


_PROMPTS = st.lists(
    st.builds(Prompt, st.text(min_size=1, max_size=10).filter(str.strip), _TEXT, _questions()),
    min_size=1,
    max_size=4,
    unique_by=lambda prompt: prompt.item_id,
)


@given(prompts=_PROMPTS.filter(lambda found: all(_encodes(prompt.item_id) for prompt in found)))
def test_any_graph_and_any_text_survive_the_file(prompts: list[Prompt]) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for prompt in prompts:
        for question in prompt.questions:
            dependency = ", ".join(map(str, question.parents)) or "0"
            cells = (prompt.item_id, prompt.text, question.proposition_id, dependency, question.category_broad)
            writer.writerow([*cells, f"{question.category} (thing (one), two)", question.text])
    assert parse_csv(buffer.getvalue().encode(), "my.csv") == tuple(prompts)


def _encodes(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" or character == "\0" for character in text)


def test_the_golden_question_files_are_suites(golden: Path) -> None:
    for path in sorted((golden / "official").glob("*/questions.csv")):
        prompts = parse_csv(path.read_bytes(), path.name)
        assert len(prompts) in (9, 10)
        assert [prompt.item_id for prompt in prompts] == [f"item{index}" for index in range(len(prompts))]
