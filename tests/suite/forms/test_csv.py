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
from dpg_bench.files.formulas import guarded
from dpg_bench.records import Prompt, Question
from dpg_bench.suite.forms.csv import csv_rows
from dpg_bench.suite.mending import mended_prompts
from dpg_bench.suite.rows import COLUMNS, official_prompts

Rows = list[list[str]]
ToCsv = Callable[..., bytes]


def parse_csv(content: bytes, source: str) -> tuple[Prompt, ...]:
    """Read as `--strict` reads it: nothing is mended."""
    return mended_prompts(csv_rows(content, source), source, strict=True).prompts


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


@pytest.mark.parametrize(("cell", "parents"), [("1,2", (1, 2)), ("2, 1", (2, 1)), ("0", ()), (" 1 ", (1,))])
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


def test_tabs_semicolons_and_utf_16_make_the_same_table(rows: Rows, to_csv: ToCsv) -> None:
    content = to_csv(rows)
    for delimiter in "\t;":
        buffer = io.StringIO(newline="")
        csv.writer(buffer, delimiter=delimiter).writerows(csv.reader(io.StringIO(content.decode())))
        assert parse_csv(buffer.getvalue().encode(), "my.csv") == parse_csv(content, "my.csv")
        assert parse_csv(buffer.getvalue().encode("utf-16"), "my.csv") == parse_csv(content, "my.csv")


def test_columns_may_be_called_as_dsg_calls_those_of_its_answers(rows: Rows, to_csv: ToCsv) -> None:
    names = to_csv(rows).replace(b"proposition_id", b"Question_ID").replace(b"dependency", b"dependency_id")
    names = names.replace(b"question_natural_language", b"question").replace(b",text,", b",prompt,")
    assert parse_csv(names, "my.csv") == parse_csv(to_csv(rows), "my.csv")


def test_empty_cells_beyond_the_header_do_not_matter(rows: Rows, to_csv: ToCsv) -> None:
    wider = to_csv([[*row, "", ""] for row in rows])
    assert parse_csv(wider, "my.csv") == parse_csv(to_csv(rows), "my.csv")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "my.csv is empty"),
        (b"\xef\xbb\xbf\n \n", "my.csv is empty"),
        (b"item_id;text\n1;2\n", "my.csv, row 1: missing columns: proposition_id, dependency"),
        ("item_id\nfenêtre\n".encode("latin-1"), "my.csv, line 2: byte 0xea is not UTF-8"),
        ("item_id,text\n".encode("utf-16"), "my.csv, row 1: missing columns: proposition_id"),
        (b"\xff\xfea", "my.csv begins as UTF-16 but is none"),
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
    with pytest.raises(BadInputError, match="row 1: the column 'text' is there 2 times"):
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
    assert official_prompts(csv_rows(to_csv(rows), "official.csv", strict=False)) == (
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
    missing_parent = official_prompts(csv_rows(to_csv(rows[:2]), "official.csv", strict=False))[0].questions[1]
    assert missing_parent == Question(2, (9,), "", "", "b?")


_TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=20).filter(str.strip)


def _parents(ids: list[int], number: int) -> st.SearchStrategy[tuple[int, ...]]:
    """Any graph, cycles included, but for a question that is its own parent."""
    others = [other for other in ids if other != number]
    return st.lists(st.sampled_from(others), max_size=3).map(tuple) if others else st.just(())


@st.composite
def _questions(draw: st.DrawFn) -> tuple[Question, ...]:
    ids = draw(st.lists(st.integers(1, 10**6), min_size=1, max_size=5, unique=True))
    categories = st.sampled_from(["entity - whole", "relation - non-spatial", "global -"])
    return tuple(
        Question(number, draw(_parents(ids, number)), category.partition("-")[0].strip(), category, draw(_TEXT))
        for number, category in ((number, draw(categories)) for number in ids)
    )


_ID = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=10)
_PROMPTS = st.lists(
    st.builds(Prompt, _ID.map(str.strip).filter(bool), _TEXT, _questions()),
    min_size=1,
    max_size=4,
    unique_by=lambda prompt: prompt.item_id,
)


@given(prompts=_PROMPTS)
def test_any_graph_and_any_text_survive_the_file(prompts: list[Prompt]) -> None:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, quoting=csv.QUOTE_ALL)
    writer.writerow(COLUMNS)
    for prompt in prompts:
        for question in prompt.questions:
            dependency = ", ".join(map(str, question.parents)) or "0"
            cells = (
                guarded(prompt.item_id),
                guarded(prompt.text),
                question.proposition_id,
                dependency,
                question.category_broad,
            )
            writer.writerow([*cells, f"{question.category} (thing (one), two)", guarded(question.text)])
    assert parse_csv(buffer.getvalue().encode(), "my.csv") == tuple(prompts)


def test_the_golden_question_files_are_suites(golden: Path) -> None:
    for path in sorted((golden / "official").glob("*/questions.csv")):
        prompts = parse_csv(path.read_bytes(), path.name)
        assert len(prompts) in (9, 10)
        assert [prompt.item_id for prompt in prompts] == [f"item{index}" for index in range(len(prompts))]
