"""Ids and texts that would deceive or exhaust whoever reads them later are refused, or written so that they don't."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.files.formulas import guarded, unguarded
from dpg_bench.records import Prompt
from dpg_bench.suite.forms.csv import read_table
from dpg_bench.suite.prompt_text import prompts_to_csv, prompts_to_jsonl
from dpg_bench.suite.registry import load_suite
from dpg_bench.suite.rewritten import RewrittenPrompt, read_rewriting, rewriting_to_csv


@pytest.mark.parametrize("item_id", ["a\nError: all is well", "a\r\nb", "a\0b", "\x1b[2J", "a\x9b"])
def test_an_id_with_a_control_character_is_refused(tmp_path: Path, item_id: str) -> None:
    suite = tmp_path / "suite.json"
    suite.write_text(json.dumps({item_id: "A fox."}))
    with pytest.raises(BadInputError, match="holds the control character"):
        load_suite(str(suite))


FORMS: dict[str, Callable[[str], str]] = {
    "a.txt": lambda text: f"{text}\n",
    "a.json": lambda text: json.dumps([text]),
    "a.jsonl": lambda text: json.dumps({"item_id": "a", "text": "A.", "questions": [question(text)]}),
    "folder/a.txt": str,
}


def question(text: str) -> dict[str, object]:
    about = {"proposition_id": 1, "dependency": 0, "category_broad": "entity", "category_detailed": "whole"}
    return {**about, "question_natural_language": text}


@pytest.mark.parametrize("name", FORMS)
def test_a_text_of_megabytes_is_refused_in_every_form(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    suite = str(file.parent if file.parent != tmp_path else file)
    file.write_text(FORMS[name]("x" * 131_072))
    assert len(load_suite(suite)) == 1
    file.write_text(FORMS[name]("x" * 131_073))
    with pytest.raises(BadInputError, match="131073 characters, more than the 131072"):
        load_suite(suite)


@pytest.mark.parametrize("text", ["=HYPERLINK(1)", "@SUM(1)", "-1", "+1", "'=1", "''-x", "plain", "'plain"])
def test_what_a_spreadsheet_would_run_is_no_formula_and_comes_back_as_it_was(tmp_path: Path, text: str) -> None:
    assert unguarded(guarded(text)) == text
    content = prompts_to_csv([Prompt("a", text, ())])
    assert not content.splitlines()[1].partition("a,a,")[2].startswith(("=", "@", "-", "+"))
    assert next(iter(read_table(content.encode(), "x").records)).values["prompt"] == text
    assert json.loads(prompts_to_jsonl([Prompt("a", text, ())]))["prompt"] == text
    made = RewrittenPrompt("a", "A fox.", text, "rewritten", "m", "", "{}", "r")
    (tmp_path / "rewritten.csv").write_text(rewriting_to_csv([made]))
    assert read_rewriting(tmp_path / "rewritten.csv").prompts["a"] == made
