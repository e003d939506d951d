"""What `--suite` understands, and what it says to everything else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.suite import registry
from dpg_bench.suite.dpg_bench import read_manifest
from dpg_bench.suite.registry import fetch_suite, load_suite, pending_download, suite_specs


def test_a_csv_file_is_a_suite_named_as_typed(
    rows: list[list[str]], to_csv: Callable[..., bytes], tmp_path: Path
) -> None:
    path = tmp_path / "My Questions.CSV"
    path.write_bytes(to_csv(rows))
    suite = load_suite(str(path))
    assert (suite.name, suite.source) == (str(path), str(path))
    assert [prompt.item_id for prompt in suite.prompts] == ["one", "two"]
    assert suite.question_count == 3


@pytest.mark.parametrize(
    ("name", "guess"), [("dpgbench", "dpg-bench"), ("samples", "sample"), ("dpg_bench", "dpg-bench")]
)
def test_an_unknown_name_gets_a_guess(name: str, guess: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a checkout has a folder named dpg_bench
    with pytest.raises(BadInputError, match=rf"Unknown suite '{name}'\. Did you mean '{guess}'\?.*FILE\.csv"):
        load_suite(name)


@pytest.mark.parametrize("name", ["missing.csv", "some/folder"])
def test_a_path_that_is_not_there_is_called_so(name: str) -> None:
    with pytest.raises(BadInputError, match=f"'{name}' is neither a file nor a folder"):
        load_suite(name)


def test_errors_in_a_file_name_the_file(rows: list[list[str]], to_csv: Callable[..., bytes], tmp_path: Path) -> None:
    rows[1][3] = "x"
    path = tmp_path / "my.csv"
    path.write_bytes(to_csv(rows))
    with pytest.raises(BadInputError, match=rf"{path}, row 3, column 'proposition_id'"):
        load_suite(str(path))


def test_the_benchmark_comes_by_name_and_by_its_own_csv(
    publish: Callable[[Mapping[str, bytes]], Any],
    few_prompts: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = publish(few_prompts)
    manifest = read_manifest(copy.manifest)
    monkeypatch.setattr(registry, "pinned_manifest", lambda: manifest)
    assert pending_download("dpg-bench") == "23 files of the suite dpg-bench"
    suite = fetch_suite("dpg-bench")
    assert pending_download("dpg-bench") is None
    assert suite.source == "https://github.com/someone/ELLA/tree/0123abcd/dpg_bench"
    by_hand = tmp_path / "by hand.csv"
    by_hand.write_bytes(copy.server.files[manifest.questions])
    questions = [prompt.questions for prompt in load_suite(str(by_hand)).prompts]
    assert questions == [prompt.questions for prompt in suite.prompts]


def test_the_official_csv_keeps_its_oddities_when_placed_by_hand(
    publish: Callable[[Mapping[str, bytes]], Any],
    few_prompts: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = publish(few_prompts)
    manifest = read_manifest(copy.manifest)
    by_hand = tmp_path / "by hand.csv"
    odd = copy.server.files[manifest.questions].replace(b",2,1,entity", b",2,77,entity")
    by_hand.write_bytes(odd)
    monkeypatch.setattr(registry, "pinned_manifest", lambda: manifest)
    with pytest.raises(BadInputError, match="no proposition 77"):
        load_suite(str(by_hand))
    monkeypatch.setattr(registry, "is_official_csv", lambda content, _: content == odd)
    assert load_suite(str(by_hand)).prompts[0].questions[1].parents == (77,)


def test_only_what_must_be_downloaded_is_announced(tmp_path: Path) -> None:
    assert pending_download("sample") is None
    assert pending_download(f"hf:{tmp_path}") is None
    assert pending_download("hf:Jialuo21/DPG-Bench") == "the dataset Jialuo21/DPG-Bench, unless it is cached"


def test_the_listing_leads_with_the_default() -> None:
    specs = suite_specs()
    assert [spec.name for spec in specs] == ["dpg-bench", "sample", "FILE.csv", "hf:DATASET", "FOLDER"]
    assert specs[0].licence == "Apache-2.0"
    assert specs[0].size.startswith("1065 prompts")


def test_reading_a_suite_imports_nothing_heavy() -> None:
    script = (
        "import sys; from dpg_bench.suite.registry import load_suite; load_suite('sample'); "
        "print(sorted({'torch', 'pandas', 'datasets', 'huggingface_hub', 'pyarrow', 'numpy'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"
