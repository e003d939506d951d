"""What contributors are told holds: the proof that no number moves runs, and what is named is there."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from typer.testing import CliRunner

import dpg_bench
from dpg_bench.cli.app import app

ROOT = Path(__file__).resolve().parents[1]
TOLD = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
LINES = [
    line.split("#")[0].strip()
    for block in re.findall(r"^```\n(.*?)^```$", TOLD, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
]


def test_the_proof_that_no_number_moves_runs_as_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    small = {"DPGBENCH_LIMIT": "2", "DPGBENCH_STEPS": "1"}
    ran = []
    for line in [line for line in LINES if line.startswith("dpgbench ")]:
        _, *words = shlex.split(line)
        done = CliRunner().invoke(app, words, env=small)
        assert done.exit_code == 0, done.output
        ran.append(words[0])
    assert ran == ["run", "score", "run", "score", "same"]
    (compared,) = [shlex.split(line)[1:] for line in LINES if line.startswith("cmp ")]
    before, after = (Path(name).read_bytes() for name in compared)
    assert before == after
    image = next(Path("runs/after/images").iterdir())
    image.write_bytes((next(one for one in Path("runs/after/images").iterdir() if one != image)).read_bytes())
    assert CliRunner().invoke(app, ["same", "runs/before", "runs/after"]).exit_code != 0, "and it can fail"


def test_the_golden_tests_and_rooms_that_are_named_are_there() -> None:
    (line,) = [line for line in LINES if line.startswith("pytest ")]
    assert all((ROOT / name).is_file() for name in line.split()[1:])
    named = re.findall(r"`(dpg_bench/\w+|ella_models|tests/golden|benchmarks)/?`", TOLD)
    assert all((ROOT / name).is_dir() for name in named)
    targets = re.findall(r"^make (\w+)", "\n".join(LINES), re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(re.search(rf"^{target}:", makefile, re.MULTILINE) for target in targets)


def test_the_citation_is_of_the_version_that_it_lies_beside() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == dpg_bench.__version__
    assert citation["license"] == "Apache-2.0"
    (paper,) = citation["references"]
    assert paper["identifiers"][0]["value"] == "arXiv:2403.05135"


def test_every_dependency_has_a_lowest_version_and_its_pin_is_none_that_is_lower() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = {canonicalize_name(name): Version(version) for name, version in (line.split("==") for line in lines)}
    extras = project["optional-dependencies"]
    required = [
        Requirement(one) for one in (*project["dependencies"], *(one for group in extras.values() for one in group))
    ]
    for one in (one for one in required if one.name != project["name"]):
        assert any(bound.operator == ">=" for bound in one.specifier), one
        pin = pins.get(canonicalize_name(one.name))
        assert pin is None or pin in one.specifier, one
    tried = [Requirement(one) for one in (*project["dependencies"], *extras["full"], *extras["dev"], *extras["docs"])]
    assert {canonicalize_name(one.name) for one in tried} - {project["name"]} <= pins.keys()
