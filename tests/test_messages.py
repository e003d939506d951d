"""Messages of the library call options as the caller does: Python code by their names, the command line by flags."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import dpg_bench
from dpg_bench.errors import BadInputError, Message, option
from dpg_bench.files.run_folder import RunDir
from dpg_bench.jobs import ScoreRequest, plan_score

PACKAGE = Path(dpg_bench.__file__).parent
FLAG = re.compile(r"(?<![\w-])--[a-z]")


def raised_texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and node.exc is not None:
            for part in ast.walk(node.exc):
                if isinstance(part, ast.Constant) and isinstance(part.value, str):
                    yield part.lineno, part.value


def test_no_message_of_the_library_speaks_in_flags() -> None:
    files = [file for file in PACKAGE.rglob("*.py") if not {"cli", "miniature"} & set(file.relative_to(PACKAGE).parts)]
    assert len(files) > 100
    found = [
        f"{file.relative_to(PACKAGE)}:{line}: {text}"
        for file in files
        for line, text in raised_texts(ast.parse(file.read_text(encoding="utf-8")))
        if FLAG.search(text)
    ]
    assert found == []


def test_an_option_reads_as_its_caller_writes_it() -> None:
    text = f"{option('batch_size')}, {option('limit', 5)}, {option('out', 'runs/x')}, {option('fresh', True)}"
    message = Message(text)
    assert message == "batch_size, limit=5, out='runs/x', fresh=True"
    assert message.on_command_line == "--batch-size, --limit 5, --out runs/x, --fresh"


def test_a_message_keeps_both_forms_between_processes() -> None:
    error = pickle.loads(pickle.dumps(BadInputError(f"Say {option('size', 8)}.")))
    assert (str(error), error.message.on_command_line) == ("Say size=8.", "Say --size 8.")


def test_a_call_from_python_is_answered_in_its_own_words(tmp_path: Path) -> None:
    RunDir(tmp_path / "made").record_file.parent.mkdir()
    RunDir(tmp_path / "made").record_file.write_text("{}")
    with pytest.raises(BadInputError, match=r"fresh=True starts over"):
        plan_score(ScoreRequest(path=tmp_path / "made"))
