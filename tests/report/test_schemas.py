"""The JSON Schemas: what is written fits them, what is damaged doesn't, and each is there by name."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator, ValidationError
from typer.testing import CliRunner

from dpg_bench.cli.app import app
from dpg_bench.files.run_folder import RunDir
from dpg_bench.report.schemas import FORMS, file_schema

JUDGE = "tiny-mplug"


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Any]]:
    """The documents of each format as the commands wrote them."""
    folder = tmp_path_factory.mktemp("written")
    run, elsewhere = RunDir(folder / "run"), RunDir(folder / "elsewhere")
    shutil.copytree(_made(run), folder / "images")
    judged = ["score", str(folder / "images"), "--suite", "sample", "--judge", JUDGE, "--out", str(elsewhere.path)]
    assert CliRunner().invoke(app, [*judged, "--grid", "2x2", "--note", "by hand"]).exit_code == 3
    found = {}
    for name, kind in FORMS.items():
        place = Path(str(kind.place).replace("JUDGE", JUDGE))
        files = [one.path / place for one in (run, elsewhere) if (one.path / place).exists()]
        texts = [text for file in files for text in _documents(file.read_text(encoding="utf-8"), lines=kind.lines)]
        found[name] = [json.loads(text) for text in texts]
    return found


def _made(run: RunDir) -> Path:
    made = ["run", "--model", "tiny-sd15", "--suite", "sample", "--limit", "2", "--steps", "1", "--out", str(run.path)]
    assert CliRunner().invoke(app, made).exit_code == 0
    assert CliRunner().invoke(app, ["score", str(run.path), "--judge", JUDGE]).exit_code == 0
    return run.images


def _documents(text: str, *, lines: bool) -> list[str]:
    return text.splitlines() if lines else [text]


@pytest.mark.parametrize("name", FORMS)
def test_what_is_written_fits_its_schema(name: str, written: dict[str, list[Any]]) -> None:
    schema = file_schema(name)
    Draft202012Validator.check_schema(schema)
    assert written[name]
    for document in written[name]:
        Draft202012Validator(schema).validate(document)


@pytest.mark.parametrize(
    ("name", "key", "value"),
    [
        ("scorecard", "schema", 99),
        ("scorecard", "checksum", "none"),
        ("run", "status", "done"),
        ("answers", "image", -1),
        ("source", "images_per_prompt", "four"),
        ("judgement", "surprise", 1),
    ],
)
def test_what_the_reader_refuses_doesnt_fit(name: str, key: str, value: Any, written: dict[str, list[Any]]) -> None:
    with pytest.raises(ValidationError):
        Draft202012Validator(file_schema(name)).validate(written[name][0] | {key: value})


def test_the_command_prints_what_python_gives_and_lists_all_names() -> None:
    printed = CliRunner().invoke(app, ["schema", "scorecard"])
    assert json.loads(printed.stdout) == file_schema("scorecard")
    listed = CliRunner().invoke(app, ["schema"]).stdout
    assert all(name in listed and str(kind.place) in listed for name, kind in FORMS.items())


def test_an_unknown_format_is_told_with_the_known_ones() -> None:
    result = CliRunner().invoke(app, ["schema", "scorecards"])
    assert result.exit_code == 2
    assert "Did you mean 'scorecard'?" in result.stderr
