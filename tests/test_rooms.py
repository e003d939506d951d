"""The house rules that no linter knows: names of files, paths of a run folder, and what the package says of itself."""

from __future__ import annotations

import ast
import re
from collections import defaultdict
from pathlib import Path

import pytest

import dpg_bench

PACKAGE = Path(dpg_bench.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))


def test_no_file_is_called_like_a_function_of_its_room() -> None:
    stems = defaultdict(set)
    functions = defaultdict(set)
    for file in FILES:
        stems[file.parent].add(file.stem)
        if file.parent.name == "cli" or file.stem == "__main__":
            continue  # a command's file, or module, is called as the command is, and so is the function behind it
        body = ast.parse(file.read_text(encoding="utf-8")).body
        functions[file.parent] |= {node.name for node in body if isinstance(node, ast.FunctionDef)}
    clashes = {f"{folder.name}/{name}" for folder in stems for name in stems[folder] & functions[folder]}
    assert clashes == set()


def test_the_names_of_a_run_folder_stand_in_one_file() -> None:
    names = re.compile(r"\"(scorecard\.json|answers\.jsonl|generation\.jsonl|judgement\.json)\"")
    found = {file.relative_to(PACKAGE).as_posix() for file in FILES if names.search(file.read_text(encoding="utf-8"))}
    assert found == {"files/run_folder.py"}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(PACKAGE).as_posix())
def test_a_file_holds_one_idea(file: Path) -> None:
    assert len(file.read_text(encoding="utf-8").splitlines()) <= 400
