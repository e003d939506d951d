"""Hugging Face datasets give the same suite as the CSV they were made from, in either form."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.records import Prompt, Question, Suite
from dpg_bench.suite.forms.hub import source_commit
from dpg_bench.suite.mending import NO_ROW
from dpg_bench.suite.registry import load_suite

datasets = pytest.importorskip("datasets")


@pytest.fixture(scope="module")
def sample() -> Suite:
    return load_suite("sample")


def _per_prompt(suite: Suite) -> list[dict[str, Any]]:
    return [
        {"item_id": prompt.item_id, "prompt": prompt.text, "questions": [_record(each) for each in prompt.questions]}
        for prompt in suite.prompts
    ]


def _record(question: Question) -> dict[str, Any]:
    broad, _, detailed = question.category.partition("-")
    return {
        "proposition_id": question.proposition_id,
        "dependency": ",".join(map(str, question.parents)) or "0",
        "category_broad": broad.strip(),
        "category_detailed": detailed.strip() or None,
        "question": question.text,
    }


def _per_question(suite: Suite) -> list[dict[str, Any]]:
    return [
        {
            "item_id": prompt.item_id,
            "text": prompt.text,
            "proposition_id": question.proposition_id,
            "dependency": ", ".join(map(str, question.parents)) or "0",
            "category_broad": question.category_broad,
            "tuple": f"{question.category} (thing)",
            "question_natural_language": question.text,
        }
        for prompt in suite.prompts
        for question in prompt.questions
    ]


@pytest.mark.parametrize("rows", [_per_prompt, _per_question])
def test_a_dataset_on_disk_is_the_same_suite(sample: Suite, tmp_path: Path, rows: Any) -> None:
    datasets.DatasetDict({"test": datasets.Dataset.from_list(rows(sample))}).save_to_disk(tmp_path / "saved")
    suite = load_suite(f"hf:{tmp_path / 'saved'}")
    assert suite.prompts == sample.prompts
    assert suite.digest == sample.digest
    assert suite.source == str(tmp_path / "saved")


def test_a_single_split_saved_alone_is_enough(sample: Suite, tmp_path: Path) -> None:
    datasets.Dataset.from_list(_per_prompt(sample)).save_to_disk(tmp_path / "saved")
    assert load_suite(f"hf:{tmp_path / 'saved'}").digest == sample.digest


@pytest.mark.parametrize("inside", [True, False], ids=["folder", "file"])
def test_parquet_files_are_read(sample: Suite, tmp_path: Path, inside: bool) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    datasets.Dataset.from_list(_per_prompt(sample)).to_parquet(folder / "rows.parquet")
    path = folder if inside else folder / "rows.parquet"
    assert load_suite(f"hf:{path}").digest == sample.digest


def test_questions_as_a_record_of_lists_are_read(sample: Suite, tmp_path: Path) -> None:
    rows = [
        row | {"questions": {key: [each[key] for each in row["questions"]] for key in row["questions"][0]}}
        for row in _per_prompt(sample)
    ]
    datasets.Dataset.from_list(rows).save_to_disk(tmp_path / "saved")
    assert load_suite(f"hf:{tmp_path / 'saved'}").digest == sample.digest


def test_numbers_as_item_ids_and_dependencies_are_text(tmp_path: Path) -> None:
    row = {"item_id": 7, "prompt": "A cat.", "questions": [_record(Question(1, (), "entity", "entity - whole", "A?"))]}
    row["questions"][0]["dependency"] = 0
    datasets.Dataset.from_list([row]).save_to_disk(tmp_path / "saved")
    expected = Prompt("7", "A cat.", (Question(1, (), "entity", "entity - whole", "A?"),))
    assert load_suite(f"hf:{tmp_path / 'saved'}").prompts == (expected,)


def test_the_test_split_is_chosen_and_without_it_the_splits_are_named(sample: Suite, tmp_path: Path) -> None:
    rows = datasets.Dataset.from_list(_per_prompt(sample))
    half = rows.select(range(12))
    datasets.DatasetDict({"train": half, "test": rows}).save_to_disk(tmp_path / "good")
    assert load_suite(f"hf:{tmp_path / 'good'}").digest == sample.digest
    datasets.DatasetDict({"train": half, "dev": half}).save_to_disk(tmp_path / "bad")
    with pytest.raises(BadInputError, match="no split 'test'; it has train, dev"):
        load_suite(f"hf:{tmp_path / 'bad'}")


def test_errors_name_dataset_row_and_column(sample: Suite, tmp_path: Path) -> None:
    rows = _per_prompt(sample)
    rows[2]["questions"][1]["dependency"] = "99"
    datasets.Dataset.from_list(rows).save_to_disk(tmp_path / "saved")
    name = f"hf:{tmp_path / 'saved'}"
    with pytest.raises(BadInputError, match=r"row 2, question 1, item '.*': question 2 has the parent 99"):
        load_suite(name, strict=True)
    (mend,) = load_suite(name).mends
    assert (mend.kind, mend.place, mend.made) == (NO_ROW, "row 2, question 1", "dropped")


def test_missing_columns_are_named(tmp_path: Path) -> None:
    datasets.Dataset.from_list([{"item_id": "a", "caption": "A cat.", "question": "A cat?"}]).save_to_disk(
        tmp_path / "flat"
    )
    with pytest.raises(BadInputError, match="row 0: missing columns: proposition_id"):
        load_suite(f"hf:{tmp_path / 'flat'}")
    rows = [{"item_id": "a", "prompt": "A cat.", "questions": [{"question": "A cat?"}]}]
    datasets.Dataset.from_list(rows).save_to_disk(tmp_path / "nested")
    with pytest.raises(BadInputError, match="row 0, question 0: it lacks proposition_id, dependency"):
        load_suite(f"hf:{tmp_path / 'nested'}")


def test_an_item_without_questions_is_left_out_with_a_word_or_refused(sample: Suite, tmp_path: Path) -> None:
    rows = _per_prompt(sample)
    rows[3]["questions"] = []
    datasets.Dataset.from_list(rows).save_to_disk(tmp_path / "saved")
    suite = load_suite(f"hf:{tmp_path / 'saved'}")
    assert len(suite) == 23
    assert "row 3, item 'sample04-astronaut': it has no question: the item is left out" in map(str, suite.mends)
    with pytest.raises(BadInputError, match="row 3, item 'sample04-astronaut': it has no question"):
        load_suite(f"hf:{tmp_path / 'saved'}", strict=True)


@pytest.mark.parametrize("form", ["saved", "parquet"])
def test_a_dataset_without_rows_is_refused(sample: Suite, tmp_path: Path, form: str) -> None:
    empty = datasets.Dataset.from_list(_per_prompt(sample)).select([])
    if form == "saved":
        empty.save_to_disk(tmp_path / form)
    else:
        empty.to_parquet(tmp_path / form)
    # Releases of datasets before 5 can read a saved one that is empty.
    with pytest.raises(BadInputError, match=r"can't be read as a dataset|no questions or prompts"):
        load_suite(f"hf:{tmp_path / form}")


def test_a_folder_that_is_no_dataset_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="can't be read as a dataset"):
        load_suite(f"hf:{tmp_path}")


def test_offline_and_not_cached_is_said() -> None:
    script = "from dpg_bench.suite.registry import load_suite; load_suite('hf:nobody/no-dataset')"
    offline = os.environ | {"HF_HUB_OFFLINE": "1"}  # read by the hub client when it is imported
    result = subprocess.run([sys.executable, "-c", script], stderr=subprocess.PIPE, text=True, check=False, env=offline)
    last = result.stderr.splitlines()[-1]
    assert re.search(r"UnavailableError: The dataset nobody/no-dataset can't be loaded.*dpgbench fetch", last)


def test_the_commit_is_read_from_the_record_of_downloads() -> None:
    commit = "0123456789abcdef0123456789abcdef01234567"
    dataset = datasets.Dataset.from_list([{"item_id": "a"}])
    assert source_commit(dataset) is None
    dataset.info.download_checksums = {f"hf://datasets/someone/suite@{commit}/data/test.parquet": {"num_bytes": 1}}
    assert source_commit(dataset) == commit
