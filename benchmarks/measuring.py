"""What every benchmark says and measures: where and with what it ran, and what a process took."""

from __future__ import annotations

import os
import platform
import shlex
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from dpg_bench.provenance import git_commit


def describe_machine() -> str:
    """Processor, cores, GPU if there is one, versions, date, commit and command."""
    import torch

    processor = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")
        ]
        processor = names[0] if names else processor
    gpu = f", {torch.cuda.get_device_name()}" if torch.cuda.is_available() else ""
    packages = ", ".join(f"{name} {version(name)}" for name in ("torch", "diffusers", "transformers"))
    command = shlex.join(["python", *sys.orig_argv[1:]])
    return (
        f"{processor}, {os.cpu_count()} cores{gpu}; Python {platform.python_version()}, {packages}; "
        f"{datetime.now(UTC):%Y-%m-%d}, commit {git_commit()}; {command}"
    )


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that ended by itself: wall-clock and processor seconds, and peak resident memory in MB (10^6 bytes)."""

    seconds: float
    processor: float
    megabytes: float


def run_to_end(
    command: list[str],
    *,
    cwd: Path | None = None,
    environment: Mapping[str, str] | None = None,
    expected: Collection[int] = (0,),
) -> Ended:
    """Run `command`, with `environment` added to this process's.

    A child's peak memory is never less than what its parent held when it began, so a script that measures memory stays
    small itself. Raises SystemExit with the output if the exit code is none of those `expected`.
    """
    start = time.perf_counter()
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=cwd, env=os.environ | dict(environment or {}))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in expected:
            log.seek(0)
            sys.exit(f"{shlex.join(command)} ended with {process.returncode}:\n{log.read()}")
    # Linux counts ru_maxrss in KiB.
    return Ended(time.perf_counter() - start, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024 / 1e6)
