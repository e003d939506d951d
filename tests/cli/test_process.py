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
# A shell's background job ignores SIGINT, and hands that on to the processes it starts.
_LISTEN = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); import dpg_bench.cli"
DPGBENCH = [sys.executable, "-c", f"{_LISTEN}; dpg_bench.cli.main()"]
TINY = [*DPGBENCH, "run", "--model", "tiny-sd15", "--suite", "sample", "--out", "out"]


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


def test_the_whole_job_in_real_processes_plain_exclusive_interrupted_and_continued(tmp_path: Path) -> None:
    environment = {**os.environ, "FORCE_COLOR": "", "NO_COLOR": "1"}
    slow = [*TINY, "--limit", "6", "--steps", "15"]  # so that there is something left to interrupt
    process = subprocess.Popen(slow, cwd=tmp_path, env=environment, stderr=subprocess.PIPE, text=True)
    wait_for_images(tmp_path / "out" / "images", process, 1)

    def run(command: list[str]) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)

    process.send_signal(signal.SIGSTOP)  # so that it is still at work when the other has started
    other = run(slow)
    process.send_signal(signal.SIGCONT)
    assert other.returncode == 2
    assert "in use by another process" in other.stderr

    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate()
    assert process.returncode == 130
    assert "Interrupted. What was finished is kept" in stderr
    assert "Traceback" not in stderr
    assert '"status": "interrupted"' in (tmp_path / "out" / "run.json").read_text()
    before = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "out" / "images").iterdir()}
    assert 1 <= len(before) < 6

    again = run(slow)
    assert again.returncode == 0, again.stderr
    images = {file.name: file.stat().st_mtime_ns for file in (tmp_path / "out" / "images").iterdir()}
    assert len(images) == 6
    assert images.items() >= before.items()

    scored = run([*DPGBENCH, "score", "out", "--judge", "tiny-mplug"])
    assert scored.returncode == 0, scored.stderr
    assert "corrected" in scored.stdout
    assert again.stdout == ""
    assert "\x1b" not in stderr + again.stderr + scored.stdout + scored.stderr
