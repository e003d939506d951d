"""Every reader of files from strangers, with files that it takes, for the fuzzer to begin with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path

from tests.fuzz.reader import Reader

GROUPS = ("file_readers", "server_readers", "model_readers", "training_readers")
"""Modules; only the last ones import torch."""


def readers(group: str, folder: Path) -> Mapping[str, Reader]:
    """Those of a group; `folder` is for what they need beside the file."""
    found: Mapping[str, Reader] = import_module(f"tests.fuzz.{group}").readers(folder)
    return found


def names(group: str) -> list[str]:
    """Of a group's readers, without importing what they read with."""
    text = (Path(__file__).parent / f"{group}.py").read_text(encoding="utf-8")
    return re.findall(r'^        "([^"]+)": Reader\(', text, re.MULTILINE)
