"""Where what is no user's lies: downloads and built toy models in a cache, shipped folders with the package."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parents[1]


def cache_folder() -> Path:
    """`DPGBENCH_CACHE`, else `dpg-bench` in the user's cache folder; it need not exist yet."""
    chosen = os.environ.get("DPGBENCH_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dpg-bench"


def shipped_folder(name: Literal["prompts", "reports", "weights"]) -> Path:
    """The repository's folder `name`: beside the package in a checkout, inside it in a wheel.

    Raises FileNotFoundError if the installation is damaged and holds no such folder.
    """
    for folder in (_PACKAGE / "_shipped" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"this installation of dpg-bench has no folder '{name}'; install it again")
