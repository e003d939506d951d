"""Without the extra `full`, results are read, compared and reported; all else says what to install."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
import venv
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from dpg_bench.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
WITHOUT = """
import sys
for name in sys.argv[1].split():
    sys.modules[name] = None
from typer.testing import CliRunner
from dpg_bench.cli.app import app
for line in sys.stdin.read().splitlines():
    result = CliRunner().invoke(app, line.split())
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    print(result.exit_code, line, "|", result.output.strip().splitlines()[-1])
"""
WORKS = {
    "runs": 0,
    "show runs/first": 0,
    "models": 0,
    "judges": 0,
    "suites": 0,
    "compare runs/first runs/second": 0,
    "baseline runs/first -o baseline.json": 0,
    "check runs/first --baseline baseline.json": 0,
    "report runs/first runs/second --out page.html": 0,
    "leaderboard runs --published": 0,
    "audit --published": 0,
    "prompts --suite sample --csv prompts.csv": 0,
    "score --suite sample --answers runs/first/judgements/tiny-mplug/answers.jsonl --out runs/again": 3,
    "doctor": 0,
}
NEEDS = {
    "run --model tiny-sd15 --suite sample --out runs/third": "torch",
    "score runs/first --judge tiny-mplug --fresh": "torch",
    "report runs/first --charts charts": "matplotlib",
    "export runs/first --out export": "pyarrow",
    "fetch mplug": "requests",
}
IMPORTED_AS = {"protobuf": "google.protobuf", "modelscope-hub": "modelscope_hub"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return table


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two scored runs."""
    folder = tmp_path_factory.mktemp("light")
    for name, steps in (("first", "1"), ("second", "2")):
        made = ["run", "--model", "tiny-sd15", "--suite", "sample", "--limit", "2", "--steps", steps]
        assert CliRunner().invoke(app, [*made, "--out", str(folder / "runs" / name)]).exit_code == 0
        judged = ["score", str(folder / "runs" / name), "--judge", "tiny-mplug"]
        assert CliRunner().invoke(app, judged).exit_code == 0
    return folder


def test_commands_without_the_heavy_packages_work_or_say_what_to_install(scored: Path, project: dict[str, Any]) -> None:
    heavy = [Requirement(text).name for text in project["optional-dependencies"]["full"]]
    absent = " ".join([*(IMPORTED_AS.get(name, name) for name in heavy), "requests"])
    command = [sys.executable, "-c", WITHOUT, absent]
    lines = "\n".join([*WORKS, *NEEDS])
    done = subprocess.run(command, input=lines, cwd=scored, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    told = done.stdout.splitlines()
    for line, (wanted, code) in zip(told[: len(WORKS)], WORKS.items(), strict=True):
        assert line.startswith(f"{code} {wanted} |"), line
    for line, (wanted, package) in zip(told[len(WORKS) :], NEEDS.items(), strict=True):
        assert line.startswith(f"1 {wanted} | Error: This needs the package {package}, "), line
        assert line.endswith("pip install 'dpg-bench[full]'."), line


def test_the_light_packages_are_those_that_the_light_commands_import(project: dict[str, Any]) -> None:
    """A package that only the extra brings is never imported at the head of a light room's module."""
    light = {Requirement(text).name for text in project["dependencies"]}
    full = {Requirement(text).name for text in project["optional-dependencies"]["full"]}
    assert not light & full
    heads = re.compile(r"^(?:import|from) (\w+)", re.MULTILINE)
    rooms = [ROOT / "dpg_bench" / room for room in ("cli", "files", "hub", "jobs", "report", "score", "suite")]
    files = [file for room in rooms for file in room.rglob("*.py")]
    imported = {name for file in files for name in heads.findall(file.read_text(encoding="utf-8"))}
    assert not imported & {name.replace("-", "_") for name in full}


@pytest.mark.nightly
def test_a_real_environment_without_the_extra_reads_compares_and_reports(scored: Path, tmp_path: Path) -> None:
    venv.create(tmp_path / "light", with_pip=True)
    programs = tmp_path / "light" / "bin"
    install = [str(programs / "python"), "-m", "pip", "install", "--quiet", "-c", str(ROOT / "constraints.txt")]
    subprocess.run([*install, str(ROOT)], check=True)
    listed = subprocess.run([str(programs / "pip"), "list"], check=True, capture_output=True, text=True).stdout
    assert not re.search(r"^(torch|transformers|diffusers|pandas|pyarrow) ", listed, re.MULTILINE)
    shutil.copytree(scored / "runs", tmp_path / "runs")
    for line, code in {**WORKS, **dict.fromkeys(NEEDS, 1)}.items():
        command = [str(programs / "dpgbench"), *line.split()]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == code, (line, done.stderr)
        assert "Traceback" not in done.stderr
