"""What an installation weighs: packages, megabytes and seconds of the light one and of the one with the extra `full`.

    python -m benchmarks.install [--installer pip|uv]

Two fresh virtual environments are made, in which this checkout is installed with the versions of constraints.txt.
Seconds depend on the network and on what is cached.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measuring import describe_machine

ROOT = Path(__file__).resolve().parents[1]


def main() -> None:
    """Install twice and print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--installer", choices=("pip", "uv"), default="pip")
    installer = parser.parse_args().installer
    print(describe_machine())
    with tempfile.TemporaryDirectory() as folder:
        for extra in ("", "[full]"):
            environment = Path(folder) / (extra.strip("[]") or "light")
            subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True)
            empty, own = _megabytes(environment), len(_packages(environment))  # pip, and what else comes with it
            start = time.perf_counter()
            _install(installer, environment, f"{ROOT}{extra}")
            seconds = time.perf_counter() - start
            found = _packages(environment)
            build = (
                " (for CUDA)" if any(name.startswith("nvidia") for name in found) else " (for CPUs)" if extra else ""
            )
            print(
                f"{f'dpg-bench{extra}':<16} {len(found) - own - 1:>3} packages beside it, "
                f"{_megabytes(environment) - empty:>5.0f} MB, {seconds:.0f} s with {installer}{build}"
            )


def _install(installer: str, environment: Path, what: str) -> None:
    python = str(environment / "bin" / "python")
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    if installer == "uv":
        command = ["uv", "pip", "install", "--quiet", "--python", python]
    subprocess.run([*command, "-c", str(ROOT / "constraints.txt"), what], check=True)


def _packages(environment: Path) -> list[str]:
    return [path.name for path in environment.glob("lib/python*/site-packages/*.dist-info")]


def _megabytes(folder: Path) -> float:
    """Disk space of all files, 10^6 bytes."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file()) / 1e6


if __name__ == "__main__":
    main()
