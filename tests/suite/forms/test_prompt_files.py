"""Lists of prompts and questions in the forms in which people keep them give the items that they hold."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.suite.registry import load_suite

FOX, BOAT = "A red fox beside a blue lantern.", "A red boat, in “fog”."
BOTH = {"fox": FOX, "boat": BOAT}


def prompts(path: Path, content: str | bytes) -> dict[str, str]:
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return {prompt.item_id: prompt.text for prompt in load_suite(str(path)).prompts}


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.json", json.dumps(BOTH)),
        ("a.json", "\ufeff" + json.dumps({f"{key}.txt": text for key, text in BOTH.items()}, indent=1)),
        ("a.json", json.dumps({key: {"prompt": text, "seed": 3} for key, text in BOTH.items()})),
        ("a.json", json.dumps([{"id": key, "prompt": text} for key, text in BOTH.items()])),
        ("a.json", json.dumps({"data": [{"prompt_id": key, "caption": text} for key, text in BOTH.items()]})),
        ("a.jsonl", "\r\n".join(json.dumps({"item_id": key, "text": text}) for key, text in BOTH.items())),
        ("a.txt", "\n\n".join(json.dumps({"name": f"{key}.txt", "Prompt": text}) for key, text in BOTH.items())),
        ("a.csv", f'id,prompt\nfox,{FOX}\nboat,"{BOAT}"\n'),
        ("a.tsv", f"Prompt\tid\r\n{FOX}\tfox\r\n{BOAT}\tboat\r\n".encode("utf-16")),
        ("a.tsv", f"fox\t{FOX}\nboat\t{BOAT}\n"),
        ("a.txt", f"fox\t{FOX}\nboat\t{BOAT}\n"),
    ],
)
def test_ids_and_prompts_are_found_in_every_form(tmp_path: Path, name: str, content: str | bytes) -> None:
    assert prompts(tmp_path / name, content) == BOTH


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.txt", f"{FOX}\n{BOAT}"),
        ("a.txt", f"\ufeff{FOX}  \r\n\r\n{BOAT}\r\n"),
        ("prompts", f"{FOX}\n{BOAT}\n"),
        ("a.json", json.dumps([FOX, BOAT])),
        ("a.json", json.dumps({"prompts": [FOX, BOAT]})),
        ("geneval.jsonl", "\n".join(json.dumps({"tag": "one", "prompt": text}) for text in (FOX, BOAT))),
        ("parti.tsv", f"Prompt\tCategory\tNote\n{FOX}\tAnimals\t\n{BOAT}\tVehicles\t\n"),
    ],
)
def test_prompts_without_ids_are_numbered_in_their_order(tmp_path: Path, name: str, content: str) -> None:
    assert prompts(tmp_path / name, content) == {"00000": FOX, "00001": BOAT}


def test_numbers_as_ids_are_text(tmp_path: Path) -> None:
    assert prompts(tmp_path / "a.json", json.dumps([{"id": 7, "prompt": FOX}])) == {"7": FOX}


@pytest.mark.parametrize("dependency", [[], [1], [1, 2], "1,2", 1, None])
def test_dependencies_may_be_lists(tmp_path: Path, dependency: object) -> None:
    questions = [
        {"proposition_id": number, "dependency": parents, "category_broad": "entity", "question": f"Question {number}?"}
        | {"category_detailed": "whole"}
        for number, parents in ((1, []), (2, 0), (3, dependency))
    ]
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"item_id": "fox", "prompt": FOX, "questions": questions}))
    for name in (str(path), f"hf:{path}"):
        suite = load_suite(name)
        expected = {"[]": (), "[1]": (1,), "1": (1,), "None": ()}.get(str(dependency), (1, 2))
        assert [question.parents for question in suite.prompts[0].questions] == [(), (), expected]
        assert suite.mends == ()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.json", '{"fox": "A fox."', "is no JSON"),
        ("a.jsonl", '{"prompt": "A fox."}\n{"prompt": ', "line 2 is no JSON"),
        ("a.json", "[" * 100_000, "can't be read as JSON"),
        ("a.json", '{"prompt": ' + "1" * 5000 + "}", "can't be read as JSON"),
        ("a.json", "[1, 2]", "record 0: 1 is neither a text nor an object"),
        ("a.json", "3", "holds 3"),
        ("a.json", '[{"id": "fox"}]', "record 0: there is no prompt"),
        ("a.json", '[{"id": "fox", "prompt": "A"}, {"id": "fox", "prompt": "B"}]', "'fox' is that of"),
        ("a.json", '[{"id": "fox", "prompt": "A"}, {"prompt": "B"}]', "record 1.*item id is empty"),
        ("a.json", '{"item_id": "fox", "prompt": "A", "questions": [1, 2]}', r"\[1, 2\], not a list of records"),
        ("a.json", '{"item_id": "fox", "prompt": "A", "questions": {"question": "A?"}}', "no lists of one length"),
        ("a.json", '{"item_id": "fox", "prompt": "A", "questions": [{"question": "A?"}]}', "lacks proposition_id"),
        ("a.json", "[]", "no questions or prompts"),
        ("a.txt", " \n", "is empty"),
        ("a.csv", "one,two\n1,2\n", "missing columns: item_id, text"),
        ("a.csv", "id,prompt\n", "no questions or prompts"),
    ],
)
def test_what_has_none_of_these_forms_is_refused_by_its_place(
    tmp_path: Path, name: str, content: str, message: str
) -> None:
    with pytest.raises(BadInputError, match=message):
        prompts(tmp_path / name, content)


def test_a_pipe_is_no_suite(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(BadInputError, match="no file but a device or a pipe"):
        load_suite(str(tmp_path / "pipe.csv"))


def test_an_id_that_is_there_twice_is_refused_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "prompts.json"
    path.write_text('{"fox": "A fox.", "fox": "A boat."}')
    with pytest.raises(BadInputError, match="'fox' is there 2 times"):
        load_suite(str(path))
