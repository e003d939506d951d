"""Where the repository folders `prompts` and `reports` are: beside the package in a checkout, inside it in a wheel."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

_PACKAGE = Path(__file__).resolve().parents[1]


def shipped_folder(name: Literal["prompts", "reports"]) -> Path:
    """The folder `name` that ships with this installation.

    Raises FileNotFoundError if the installation is damaged and holds no such folder.
    """
    for folder in (_PACKAGE / "_shipped" / name, _PACKAGE.parent / name):
        if folder.is_dir():
            return folder
    raise FileNotFoundError(f"this installation of dpg-bench has no folder '{name}'; install it again")
