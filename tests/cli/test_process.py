"""The command as a real process: what it imports, how it takes an interruption, and who may write."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAVY = ("torch", "diffusers", "transformers", "datasets", "pandas", "scipy", "matplotlib", "modelscope")
TINY = [sys.executable, "-m", "dpg_bench", "run", "--model", "tiny-sd15", "--suite", "sample", "--out", "out"]


@pytest.mark.parametrize(
    "code",
    [
        "import dpg_bench",
        "import dpg_bench.jobs",
        "import dpg_bench.cli.app",
        (
            "from typer.testing import CliRunner; from dpg_bench.cli.app import app\n"
            "for args in (['--help'], ['run', '--help'], ['models'], ['judges'], ['suites']):\n"
            "    assert CliRunner().invoke(app, args).exit_code == 0"
        ),
    ],
)
def test_light_commands_import_nothing_heavy(code: str) -> None:
    check = f"{code}\nimport sys\nprint([name for name in {HEAVY!r} if name in sys.modules])"
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def test_help_imports_neither_pydantic_nor_numpy() -> None:
    check = (
        "import dpg_bench.cli.app, sys\nprint([name for name in ('pydantic', 'numpy', 'PIL') if name in sys.modules])"
    )
    result = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"


def wait_for_images(folder: Path, process: subprocess.Popen[str], count: int) -> None:
    while process.poll() is None and len(list(folder.glob("*.png"))) < count:
        time.sleep(0.01)
    assert process.poll() is None


def test_an_interrupted_run_says_so_and_continues(tmp_path: Path) -> None:
    slow = [*TINY, "--limit", "6", "--steps", "60"]  # so that there is something left to interrupt
    process = subprocess.Popen(slow, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    wait_for_images(tmp_path / "out" / "images", process, 2)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate()
    assert process.returncode == 130
    assert "Interrupted. What was finished is kept" in stderr
    assert "Traceback" not in stderr
    assert '"status": "interrupted"' in (tmp_path / "out" / "run.json").read_text()
    before = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "out" / "images").iterdir()}
    assert 2 <= len(before) < 6
    again = subprocess.run(slow, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    images = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "out" / "images").iterdir()}
    assert len(images) == 6
    assert images.items() >= before.items()


def test_a_run_that_is_under_way_is_not_touched_by_another(tmp_path: Path) -> None:
    slow = [*TINY, "--steps", "900"]  # so that it is still at work when the other has started
    process = subprocess.Popen(slow, cwd=tmp_path, stderr=subprocess.DEVNULL, text=True)
    while process.poll() is None and not (tmp_path / "out" / "run.json").exists():
        time.sleep(0.01)
    other = subprocess.run(slow, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert process.poll() is None
    process.kill()
    process.wait()
    assert other.returncode == 2
    assert "in use by another process" in other.stderr


def test_output_off_a_terminal_is_plain(tmp_path: Path) -> None:
    environment = {**os.environ, "FORCE_COLOR": "", "NO_COLOR": "1"}
    command = [*TINY, "--limit", "1", "--steps", "1"]
    made = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    score = [sys.executable, "-m", "dpg_bench", "score", "out", "--judge", "tiny-mplug"]
    scored = subprocess.run(score, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert "\x1b" not in made.stdout + made.stderr + scored.stdout + scored.stderr
    assert made.stdout == ""
