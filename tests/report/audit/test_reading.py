"""Results are read in the forms in which people have them, and what is ambiguous is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.report.audit.official_log import read_official_log
from dpg_bench.report.audit.reading import parse_claims, read_claims

OFFICIAL = Path(__file__).resolve().parents[2] / "golden" / "official"
SUMMARY = """fox.png, 1.0, 0.5, 1.0, 1.0, 0.875
L1 category scores:
\tother: 86.0
\tentity: 87.5
\tglobal: 90.88145896656535
L2 category scores:
\tglobal -: 90.88145896656535
\tentity - whole: 1.5
Image path: ./images/my-model
DPG-Bench score: 81.25
"""

TABLES = {
    "csv": "model,global,other,overall\nA,90.88,86.00,81.50\n",
    "percent signs": "Model,Global (%),Other (%),Overall\nA,90.88%,86.00 %,81.50%\n",
    "decimal commas": "Modell;Global;Other;Overall\nA;90,88;86,00;81,50\n",
    "quoted commas": 'model,global,other,overall\nA,"90,88","86,00","81,50"\n',
    "tsv": "Method\tGlobal\tOther\tAverage\nA\t90.88\t86.00\t81.50\n",
    "shares": "model,global,other,overall\nA,0.9088,0.8600,0.8150\n",
    "markdown": "| Model | Params | Global ↑ | Other ↑ | DPG-Bench |\n|:--|--|--:|--:|--:|\n"
    "| [**A**](https://a.example) | 2B | **90.88** | _86.00_ | 81.50 |\n",
    "markdown without outer bars": "Model | Global | Other | Score\n--- | --- | --- | ---\n"
    "A | 90.88* | 86.00 (+1.2) | 81.50±0.3\n",
    "latex": "\\toprule\nMethod & Global & Other & \\textbf{Overall} $\\uparrow$ \\\\\n\\midrule\n"
    "\\multicolumn{4}{c}{\\textit{Diffusion}} \\\\\n"
    "A~\\cite{a2024} & \\textbf{90.88} & \\underline{\\textbf{86.00}} & $81.50 \\pm 0.2$\\% \\\\[2pt] % best\n"
    "\\bottomrule\n",
}


@pytest.mark.parametrize("form", TABLES)
def test_a_table_is_read_as_people_write_it(form: str) -> None:
    (result,) = parse_claims(TABLES[form], "mine").results
    assert (result.model, str(result.overall), {name: str(score) for name, score in result.scores.items()}) == (
        "A",
        "81.50",
        {"global": "90.88", "other": "86.00"},
    )


def test_shares_are_said_to_be_read_as_percentages() -> None:
    assert "1 of 1 results are shares from 0 to 1" in parse_claims(TABLES["shares"], "mine").remarks[0]
    assert parse_claims(TABLES["csv"], "mine").remarks == ()


@pytest.mark.parametrize(
    "text",
    [
        "A~\\cite{a} & 90.88 & 80.00 & 81.00 & \\textbf{82.00} & 86.00 & 81.50 \\\\\n",
        "A\t90.88\t80.00\t81.00\t82.00\t86.00\t81.50\n",
        "| A | 90.88 | 80.00 | 81.00 | 82.00 | 86.00 | 81.50 |\n",
        "A,90.88,80.00,81.00,82.00,86.00\n",
    ],
)
def test_rows_without_a_header_are_read_in_the_order_of_the_paper_and_that_is_said(text: str) -> None:
    claims = parse_claims(text, "mine")
    assert (claims.results[0].model, str(claims.results[0].scores["global"])) == ("A", "90.88")
    assert str(claims.results[0].scores["other"]) == "86.00"
    assert "in the order of the paper's tables: model, global, entity, attribute, relation, other" in claims.remarks[0]


def test_columns_that_are_not_looked_at_are_named() -> None:
    claims = parse_claims("model,globl,other\nA,90,86\n", "mine")
    assert claims.remarks == ("Columns that say nothing here: globl.",)


def test_what_is_not_stated_is_unknown_and_headings_between_rows_are_none() -> None:
    text = "| model | global | other |\n|--|--|--|\n| *Small* | | |\n| A | - | 86.0 |\n| B | n/a | — |\n"
    (result,) = parse_claims(text, "mine").results
    assert (result.model, list(result.scores)) == ("A", ["other"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("model,global,other,overall\nA,0.9088,0.8600,81.50\n", "global looks like a share"),
        ("model,global\nA,184.2\n", "row 2, column 'global': '184.2' is not a score"),
        ("model,global\nA,high\n", "'high' is not a score"),
        ("model,global,other\nA,90,86,85\n", "4 cells"),
        ("model,global,Global\nA,84,85\n", "'global' is there 2 times"),
        ("model,global\n,84\n", "has no name"),
        ("model,params\nA,2B\n", "neither what the official script prints nor a table"),
        ("model,global\n", "no results below it"),
        (" \n", "is empty"),
        ("DPG-Bench score: 81.25\n", "An overall score alone can't be audited"),
        ("A & 90.88 & 86.00 \\\\\n", "neither what the official script prints nor a table"),
    ],
)
def test_what_is_ambiguous_or_no_result_is_refused_by_row(text: str, said: str) -> None:
    with pytest.raises(BadInputError) as error:
        parse_claims(text, "mine")
    assert said in str(error.value)
    assert "mine" in str(error.value)


def test_the_summary_of_the_official_script_is_read_with_all_its_digits() -> None:
    (result,) = parse_claims(SUMMARY, "results.txt").results
    assert (result.model, str(result.overall)) == ("my-model", "81.25")
    assert str(result.scores["global"]) == "90.88145896656535"
    assert result.scores.keys() == {"other", "entity", "global"}


def test_summaries_are_found_in_a_whole_log() -> None:
    log = "Generating\r 50%|###  | 532/1065\r100%|#####| 1065/1065 [1:00]\n"
    prefixed = "".join(f"[rank0]: {line}\n" for line in SUMMARY.splitlines())
    results = read_official_log(log + SUMMARY + "WARNING: other: 12\n" + log + prefixed, "train.log")
    assert [result.model for result in results] == ["my-model (line 3)", "my-model (line 15)"]
    assert results[0].scores == results[1].scores


@pytest.mark.parametrize("case", ["one_image", "missing_and_broken_images", "forward_dependencies"])
def test_every_result_file_of_the_official_script_is_read(case: str) -> None:
    (result,) = read_claims(OFFICIAL / case / "official_results.txt").results
    assert result.overall is not None
    assert result.scores


def test_shares_in_a_log_are_percentages_as_in_a_table() -> None:
    shares = "L1 category scores:\n\tglobal: 0.9088145896656535\n\tother: 0.86\nDPG-Bench score: 0.8125\n"
    claims = parse_claims(shares, "log")
    assert {name: str(score) for name, score in claims.results[0].scores.items()} == {
        "global": "90.88145896656535",
        "other": "86",
    }
    assert "read as percentages" in claims.remarks[0]


def test_a_share_beside_percentages_is_refused_by_name() -> None:
    with pytest.raises(BadInputError, match=r"row 2: global looks like a share, 0\.9088, beside a score of 86\.00"):
        parse_claims("model,global,other\nA,0.9088,86.00\n", "mine")


def test_shares_of_few_digits_are_written_out() -> None:
    (result,) = parse_claims("model,global,other\nA,.5,0\n", "mine").results
    assert {name: str(score) for name, score in result.scores.items()} == {"global": "50", "other": "0"}


def test_the_beginning_of_a_latex_table_is_no_column() -> None:
    table = "\\begin{tabular}{l|cc}\\toprule\nModel & Global & Other \\\\\nA & 90.88 & 86.00 \\\\\n\\end{tabular}\n"
    claims = parse_claims(table, "mine")
    assert (claims.results[0].model, claims.remarks) == ("A", ())
