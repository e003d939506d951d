"""What `--suite` understands, and what it says to everything else."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.hub.pinned_files import git_blob_id
from dpg_bench.suite import dpg_bench as benchmark
from dpg_bench.suite.dpg_bench import read_manifest
from dpg_bench.suite.forms import file as file_form
from dpg_bench.suite.registry import load_suite, outline_suite, pending_download, suite_specs


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
    with pytest.raises(BadInputError, match=rf"Unknown suite '{name}'\. Did you mean '{guess}'\?.*a file of questions"):
        load_suite(name)


@pytest.mark.parametrize("name", ["missing.csv", "some/folder"])
def test_a_path_that_is_not_there_is_called_so(name: str) -> None:
    with pytest.raises(BadInputError, match=f"'{name}' is neither a file nor a folder"):
        load_suite(name)


def test_errors_in_a_file_name_the_file(rows: list[list[str]], to_csv: Callable[..., bytes], tmp_path: Path) -> None:
    rows[1] = rows[1][:-1]
    path = tmp_path / "my.csv"
    path.write_bytes(to_csv(rows))
    with pytest.raises(BadInputError, match=rf"{path}, row 3: it has 8 cells"):
        load_suite(str(path))


def test_the_benchmark_comes_by_name_and_by_its_own_csv(
    publish: Callable[[Mapping[str, bytes]], Any],
    few_prompts: dict[str, bytes],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copy = publish(few_prompts)
    manifest = read_manifest(copy.manifest)
    monkeypatch.setattr(benchmark, "pinned_manifest", lambda: manifest)
    monkeypatch.setattr(file_form, "pinned_manifest", lambda: manifest)
    assert pending_download("dpg-bench") == "23 files of the suite dpg-bench"
    suite = load_suite("dpg-bench")
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
    monkeypatch.setattr(file_form, "pinned_manifest", lambda: manifest)
    mended = load_suite(str(by_hand))
    assert mended.prompts[0].questions[1].parents == ()
    assert len(mended.mends) == 22
    pinned = replace(manifest, blobs={**manifest.blobs, manifest.questions: git_blob_id(odd)})
    monkeypatch.setattr(file_form, "pinned_manifest", lambda: pinned)
    official = load_suite(str(by_hand))
    assert official.prompts[0].questions[1].parents == (77,)
    assert official.mends == ()


def test_only_what_must_be_downloaded_is_announced(tmp_path: Path) -> None:
    assert pending_download("sample") is None
    assert pending_download(f"hf:{tmp_path}") is None
    assert pending_download("hf:Jialuo21/DPG-Bench") == "the dataset Jialuo21/DPG-Bench, unless it is cached"


def test_the_listing_leads_with_the_default() -> None:
    specs = suite_specs()
    compbench = [f"t2i-compbench/{part}" for part in ("color", "shape", "texture", "non-spatial")]
    assert list(specs) == ["dpg-bench", "dsg-1k", *compbench, "sample", "miniature", "hf:DATASET", "FILE", "FOLDER"]
    assert specs["dpg-bench"].licence == "Apache-2.0"
    assert specs["dpg-bench"].size.startswith("1065 prompts")


def test_reading_a_suite_imports_nothing_heavy() -> None:
    script = (
        "import sys; from dpg_bench.suite.registry import load_suite; load_suite('sample'); "
        "print(sorted({'torch', 'pandas', 'datasets', 'huggingface_hub', 'pyarrow', 'numpy'} & sys.modules.keys()))"
    )
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


PLUGIN = """
from dpg_bench.records import Prompt, Suite
from dpg_bench.suite.base import SuiteSpec

def load(name, *, strict=False, progress=None):
    return Suite(name, "theirs", (Prompt("cat", "A cat.", ()),))

THEIRS = SuiteSpec(name="{name}", summary="", load=load)
"""


def install(site: Path, module: str, content: str, entry: str) -> None:
    """Put a package into `site` as pip would, with an entry point for a suite."""
    (site / f"{module}.py").write_text(content)
    info = site / f"{module}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[dpg_bench.suites]\n{entry}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_suite_of_another_package_is_found(site: Path) -> None:
    install(site, "their_suite_a", PLUGIN.format(name="theirs"), "theirs = their_suite_a:THEIRS")
    assert list(suite_specs())[-1] == "theirs"
    assert load_suite("theirs").source == "theirs"
    assert pending_download("theirs") is None
    assert outline_suite("theirs") is None


@pytest.mark.parametrize(
    ("module", "content", "entry", "message"),
    [
        ("their_suite_b", "import nothing_of_that_name", "x = their_suite_b:X", "could not be loaded: ModuleNotFound"),
        ("their_suite_c", "X = 3", "x = their_suite_c:X", "must be a dpg_bench.suite.base.SuiteSpec named 'x'"),
        ("their_suite_d", PLUGIN.format(name="sample"), "sample = their_suite_d:THEIRS", "there is one already"),
    ],
)
def test_a_plugin_that_cannot_be_used_is_named_with_its_package(
    *, site: Path, module: str, content: str, entry: str, message: str
) -> None:
    install(site, module, content, entry)
    with pytest.raises(BadInputError, match=message) as error:
        suite_specs()
    assert f"of the package '{module}'" in str(error.value)


def test_a_suite_that_is_loaded_already_is_taken_as_it_is() -> None:
    suite = load_suite("sample")
    assert load_suite(suite) is suite
    assert pending_download(suite) is None
    assert outline_suite(suite) is None
