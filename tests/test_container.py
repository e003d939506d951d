"""The container image: its recipe copies all that an installation needs, and it runs as nobody of importance."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
RECIPE = (ROOT / "Dockerfile").read_text(encoding="utf-8")
IGNORED = (ROOT / ".dockerignore").read_text(encoding="utf-8")


def copied() -> set[str]:
    """The files and folders of the repository that the recipe copies."""
    lines = re.findall(r"^COPY (?!--from)(.+)$", RECIPE, re.MULTILINE)
    return {name for line in lines for name in line.split()[:-1]}


def test_all_that_an_installation_needs_is_copied_and_nothing_else_is_let_in() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {*wheel["packages"], *wheel["force-include"], *project["project"]["license-files"]}
    assert copied() == {*needed, project["project"]["readme"], "pyproject.toml", "constraints.txt"}
    assert all((ROOT / name).exists() for name in copied())
    assert set(re.findall(r"^!(.+)$", IGNORED, re.MULTILINE)) == copied()
    assert "\n*\n" in IGNORED


def test_it_runs_as_a_user_without_rights_and_keeps_weights_and_runs_outside() -> None:
    final = RECIPE[RECIPE.rindex("\nFROM ") :]
    assert re.search(r"^USER [1-9]\d*$", final, re.MULTILINE), "a number, which Kubernetes can tell from root"
    assert 'VOLUME ["/cache", "/bench/runs"]' in final
    homes = dict(re.findall(r"(DPGBENCH_CACHE|HF_HOME|MODELSCOPE_CACHE|XDG_CACHE_HOME)=(\S+)", final))
    assert len(homes) == 4
    assert all(home.startswith("/cache") for home in homes.values())


@pytest.mark.skipif(sys.platform != "linux", reason="hadolint is installed with the extra dev on Linux alone")
def test_hadolint_finds_nothing() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent))
    assert hadolint is not None, "hadolint is part of the extra dev"
    done = subprocess.run([hadolint, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr == ""
    assert done.returncode == 0
