"""OneIG-Bench's question graphs, and lists of prompts like GenAI-Bench's, read as they are released."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.suite.mending import SELF
from dpg_bench.suite.registry import load_suite

GRAPH = {
    "000": {
        "question": json.dumps({"1": "Is there a fox?", "2": "Is the fox red?", "3": "Is the fox on a roof?"}),
        "dependency": json.dumps({"1": [0], "2": [1], "3": [1, 2]}),
    },
    "001": {"question": json.dumps({"1": "Is there a boat?"}), "dependency": json.dumps({"1": [1]})},
}
PROMPTS = """category,id,prompt_en,type
Portrait,000,"A man, alone.",NP
General_Object,000,"A red fox, on a roof.",NP
General_Object,001,A boat.,NP
"""


def oneig(folder: Path, name: str = "object.json") -> Path:
    """The files as they lie in OneIG-Bench's repository."""
    file = folder / "scripts" / "alignment" / "Q_D" / name
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps(GRAPH, indent=4))
    (folder / "OneIG-Bench.csv").write_text(PROMPTS)
    return file


def test_a_graph_of_oneig_bench_finds_its_prompts(tmp_path: Path) -> None:
    suite = load_suite(str(oneig(tmp_path)))
    fox, boat = suite.prompts
    assert (fox.item_id, fox.text, boat.text) == ("000", "A red fox, on a roof.", "A boat.")
    assert [question.parents for question in fox.questions] == [(), (1,), (1, 2)]
    assert {question.category_broad for question in fox.questions} == {"general object"}
    assert [mend.kind for mend in suite.mends] == [SELF]  # as in their own files


def test_a_graph_may_bring_its_prompt_and_need_not_be_json_in_a_text(tmp_path: Path) -> None:
    (tmp_path / "mine.json").write_text(
        json.dumps({"a": {"prompt": "A fox.", "question": {"1": "Is there a fox?"}, "dependency": {"1": [0]}}})
    )
    (prompt,) = load_suite(str(tmp_path / "mine.json")).prompts
    assert (prompt.text, prompt.questions[0].text) == ("A fox.", "Is there a fox?")


def test_the_chinese_part_has_prompts_of_its_own(tmp_path: Path) -> None:
    file = oneig(tmp_path, "object_zh.json")
    (tmp_path / "OneIG-Bench-ZH.csv").write_text(
        "category,id,prompt_cn\nGeneral_Object,000,狐狸\nGeneral_Object,001,船\n"
    )
    assert [prompt.text for prompt in load_suite(str(file)).prompts] == ["狐狸", "船"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dependency": '{"1": [0]}'}, "number 2 has no dependency"),
        ({"question": '{"1": "Is'}, "its question can't be read as JSON"),
        ({"dependency": "{}"}, "number 1 has no dependency"),
    ],
)
def test_a_graph_that_cannot_be_read_is_refused_by_name(tmp_path: Path, change: dict[str, str], message: str) -> None:
    file = oneig(tmp_path)
    file.write_text(json.dumps({"000": {**GRAPH["000"], **change}}))
    with pytest.raises(BadInputError, match=f"object.json, '000': {message}"):
        load_suite(str(file))


def test_prompts_that_are_nowhere_are_asked_for(tmp_path: Path) -> None:
    file = oneig(tmp_path)
    (tmp_path / "OneIG-Bench.csv").unlink()
    with pytest.raises(BadInputError, match=r"OneIG-Bench's prompts are not here. Put its OneIG-Bench.csv beside"):
        load_suite(str(file))
    other = file.rename(file.with_name("mine.json"))
    with pytest.raises(BadInputError, match=r"has no prompt. Give each record its 'prompt', or call the file as"):
        load_suite(str(other))
    (tmp_path / "OneIG-Bench.csv").write_text(PROMPTS.replace("001", "002"))
    with pytest.raises(BadInputError, match=r"'001': OneIG-Bench has no prompt '001' of the class 'general object'"):
        load_suite(str(other.rename(file)))


def test_prompts_in_genai_benchs_form_are_read(tmp_path: Path) -> None:
    content = {
        f"{n:05}": {"id": f"{n:05}", "prompt": f"Prompt {n}.", "models": {"SDXL_Base": [5, 4, 4]}} for n in range(3)
    }
    (tmp_path / "genai_image.json").write_text(json.dumps(content))
    suite = load_suite(str(tmp_path / "genai_image.json"))
    assert [(prompt.item_id, prompt.text) for prompt in suite.prompts] == [
        (f"{n:05}", f"Prompt {n}.") for n in range(3)
    ]
    (tmp_path / "genai.csv").write_text('Index,Prompt,Tags\n00000,"A cat, asleep.",Basic\n00001,Two cats.,Counting\n')
    assert [prompt.item_id for prompt in load_suite(str(tmp_path / "genai.csv")).prompts] == ["00000", "00001"]
