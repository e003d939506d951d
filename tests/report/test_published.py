"""Published results are read strictly, and the shipped ones keep every number of the sources they were made from."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.hub.cache import shipped_folder
from dpg_bench.report.published import CATEGORIES, COLUMNS, PublishedResult, read_published, shipped_results
from dpg_bench.report.reproductions import find_reproductions

DATA = Path(__file__).resolve().parents[1] / "data"
SOURCED = DATA / "published_as_found.csv"
REPRODUCED = DATA / "reproduced_as_found.csv"


def written(folder: Path, content: str | bytes) -> Path:
    path = folder / "results.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_shipped_results_hold_every_column_and_one_row_per_claim() -> None:
    with (shipped_folder("reports") / "published_results.csv").open(newline="") as file:
        assert next(csv.reader(file)) == list(COLUMNS)
    results = shipped_results()
    claims = {(r.model, r.overall, tuple(r.scores.items()), r.judge, r.kind) for r in results}
    assert len(claims) == len(results) == 126
    for result in results:
        assert result.kind in ("original", "quoted", "reproduction")
        assert result.source
        assert result.overall is not None
        assert result.suite == "dpg-bench"


def test_shipped_results_keep_every_sourced_number_with_its_digits_and_place() -> None:
    with SOURCED.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 124
    results = shipped_results()
    for row in rows:
        source = row["source"].removesuffix(" (DPG-Bench Evaluation)")
        scores = {name: row[name] for name in CATEGORIES if row[name]}
        places = {source, f"{source} (as {row['overall']})"}
        assert any(
            not places.isdisjoint({result.source, *result.also_in})
            and (str(result.overall) == row["overall"] or f"{source} (as {row['overall']})" in result.also_in)
            and scores.items() <= {name: str(score) for name, score in result.scores.items()}.items()
            and (result.kind == row["kind"] or row["kind"] == "quoted")
            for result in results
        ), row


def test_reproductions_are_a_kind_of_their_own_and_held_against_a_published_claim() -> None:
    results = shipped_results()
    with REPRODUCED.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 23
    for row in rows:
        (found,) = (r for r in results if (r.model, str(r.overall)) == (row["model"], row["overall"]))
        if row["source"] == "UniLIP#4":  # by its own authors, so no reproduction
            assert (found.kind, found.source) == ("original", "github.com/nnnth/UniLIP/issues/4")
        else:
            repository, _ = row["source"].split(" ")
            assert (found.kind, found.source) == ("reproduction", f"github.com/{repository}:README.md")
            assert (found.protocol, str(found.images_per_prompt)) == (row["protocol"], row["images_per_prompt"])
    held_against = [one for one in results if one.reproduces]
    gaps = find_reproductions(results)
    assert [one.result for one in gaps] == sorted(held_against, key=lambda one: -gap(one, results))
    assert all(one.claim.model == one.result.reproduces and one.claim.kind != "reproduction" for one in gaps)
    assert all(one.kind == "reproduction" for one in held_against)
    infinity = next(one for one in gaps if one.result.model == "Infinity-2B")
    assert str(infinity.gap) == "1.99964634959076"


def gap(result: PublishedResult, results: Sequence[PublishedResult]) -> Decimal:
    claims = [one for one in results if one.model == result.reproduces and one.kind in ("original", "quoted")]
    assert result.overall is not None
    first = next((one for one in claims if one.kind == "original"), claims[0])
    assert first.overall is not None
    return first.overall - result.overall


def test_an_authors_own_claim_comes_before_a_quoted_one(tmp_path: Path) -> None:
    rows = "A,80,quoted,\nA,81,original,\nmine,79.5,reproduction,A\nnone,79,reproduction,B\n"
    (found,) = find_reproductions(read_published(written(tmp_path, f"model,overall,kind,reproduces\n{rows}")))
    assert (str(found.published), str(found.reproduced), str(found.gap)) == ("81", "79.5", "1.5")


def test_printed_digits_are_kept(tmp_path: Path) -> None:
    (result,) = read_published(written(tmp_path, "model,overall,global\nA,84.20,84.2\n"))
    assert str(result.overall) == "84.20"
    assert result.scores == {"global": Decimal("84.2")}
    assert str(result.scores["global"]) == "84.2"
    assert result.kind is None
    assert result.row == 2


def test_a_leaderboard_csv_can_be_read_too(tmp_path: Path) -> None:
    header = "rank,model,overall,low,high,prompts,kind,prompt_rewriting\n"
    (result,) = read_published(written(tmp_path, f"{header}1,A,84.20123,83,85,1065,run,no\n"))
    assert (result.kind, result.prompt_rewriting) == ("run", False)


@pytest.mark.parametrize(
    ("content", "place", "said"),
    [
        ("model,global\nA,84.2%\n", "row 2, column 'global'", "'84.2%'"),
        ("model,global\n\nA,84\nB,n/a\n", "row 3, column 'global'", "'n/a'"),
        ("model,global\nA,-1\n", "row 2, column 'global'", "'-1'"),
        ("model,global\nA,100.01\n", "row 2, column 'global'", "'100.01'"),
        ("model,global\nA,1e1\n", "row 2, column 'global'", "'1e1'"),
        ("model,global\nA,nan\n", "row 2, column 'global'", "'nan'"),
        ("model,global\n ,84\n", "row 2, column 'model'", "empty"),
        ("model,global,size\nA,84,0\n", "row 2, column 'size'", "'0'"),
        ("model,global,guidance\nA,84,cfg 4\n", "row 2, column 'guidance'", "'cfg 4'"),
        ("model,global,date\nA,84,2024-13\n", "row 2, column 'date'", "'2024-13'"),
        ("model,global,kind\nA,84,mine\n", "row 2, column 'kind'", "original, quoted"),
        ("model,global,prompt_rewriting\nA,84,maybe\n", "row 2, column 'prompt_rewriting'", "yes or no"),
        ("model,global\nA,84,85\n", "row 2", "3 cells"),
        ('model,global\nA,"84\n', "row 2", "bad CSV"),
        ("model,globl\nA,84\n", "row 1", "Did you mean 'global'?"),
        ("model,global,global\nA,84,85\n", "row 1", "'global' is there 2 times"),
        ("name,score\nA,84\n", "row 1", "'name'"),
        ("model,params\nA,2B\n", "row 1", "one of overall"),
        ("model,global\n", "", "no results below it"),
        ("", "", "is empty"),
        (b"model,global\n\xff,84\n", "", "not UTF-8"),
    ],
)
def test_a_bad_cell_is_one_message_with_file_row_and_column(
    tmp_path: Path, content: str | bytes, place: str, said: str
) -> None:
    with pytest.raises(BadInputError) as error:
        read_published(written(tmp_path, content))
    assert "results.csv" in str(error.value)
    assert place in str(error.value)
    assert said in str(error.value)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"none\.csv can't be read"):
        read_published(tmp_path / "none.csv")
