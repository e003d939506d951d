"""The wheel: installed by itself, away from the checkout, it holds what it needs and does the main job."""

from __future__ import annotations

import email
import os
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import dpg_bench

CHECKOUT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the wheel, built from the checkout, and of the source archive."""
    folder = tmp_path_factory.mktemp("built")
    kinds = ["--wheel", "--sdist"]
    command = [sys.executable, "-m", "build", *kinds, "--no-isolation", "--outdir", str(folder), str(CHECKOUT)]
    subprocess.run(command, check=True, capture_output=True, text=True)
    return folder


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    return next(built.glob("*.whl"))


def test_the_source_archive_holds_what_the_wheel_is_made_of_and_nothing_of_the_workshop(built: Path) -> None:
    with tarfile.open(next(built.glob("*.tar.gz"))) as archive:
        names = {Path(name).parts[1] for name in archive.getnames()}
    assert {"dpg_bench", "ella_models", "prompts", "reports", "pyproject.toml", "README.md", "LICENSE"} <= names
    assert not names & {"tests", "benchmarks", "docs", "examples", "runs"}


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that holds the wheel, and of this one the dependencies alone."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=False)
    paths = {"base": str(folder), "platbase": str(folder)}
    site = Path(sysconfig.get_path("purelib", "venv", paths))
    # A folder named in a .pth file is searched, but its own .pth files, and with them the checkout, are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(folder),
        "install",
        "--no-deps",
        "--no-index",
        "--force-reinstall",
    ]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True, text=True)
    return Path(sysconfig.get_path("scripts", "venv", paths))


def test_the_wheel_holds_the_shipped_folders_and_the_type_markers(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {
        "dpg_bench/_shipped/prompts/sample.csv",
        "dpg_bench/_shipped/prompts/dpg_bench_manifest.json",
        "dpg_bench/py.typed",
        "ella_models/py.typed",
    } <= names
    assert any(name.startswith("dpg_bench/_shipped/reports/") for name in names)
    assert not any(name.startswith(("tests/", "benchmarks/")) for name in names)


def test_the_wheel_says_what_it_is_by_the_one_version(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as file:
        (name,) = (name for name in file.namelist() if name.endswith(".dist-info/METADATA"))
        metadata = email.message_from_string(file.read(name).decode())
    assert metadata["Version"] == dpg_bench.__version__
    assert metadata["Author"]
    assert "Typing :: Typed" in metadata.get_all("Classifier", [])
    assert {url.split(",")[0] for url in metadata.get_all("Project-URL", [])} == {"Paper", "Reference"}
    others = [path for path in CHECKOUT.glob("[!.]*/**/*.py") if "tests" not in path.parts]
    told = [path for path in others if re.search(r"^__version__ = ", path.read_text(encoding="utf-8"), re.MULTILINE)]
    assert [path.relative_to(CHECKOUT).as_posix() for path in told] == ["dpg_bench/__init__.py"]


def test_the_demo_runs_from_the_wheel(installed: Path, tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    dpgbench = str(installed / "dpgbench")

    def run(*args: str) -> str:
        result = subprocess.run(
            [dpgbench, *args], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    where = "import dpg_bench; print(dpg_bench.__file__)"
    python = subprocess.run(
        [str(installed / "python"), "-c", where],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    assert not Path(python.stdout.strip()).is_relative_to(CHECKOUT)
    small = ("--limit", "2", "--steps", "4")
    run("run", "--model", "mini-ella-sd15", "--suite", "miniature", *small, "--out", "runs/demo")
    table = run("score", "runs/demo", "--judge", "mini-mplug")
    assert "corrected" in table
    assert "official" in table
    assert "2 of 200" in table
