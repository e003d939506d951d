"""A folder of text files is a suite of bare prompts."""

from __future__ import annotations

from pathlib import Path

import pytest

from dpg_bench.errors import BadInputError
from dpg_bench.files.item_names import file_stem
from dpg_bench.records import Prompt
from dpg_bench.suite.registry import load_suite


def test_prompts_are_the_files_as_they_stand(tmp_path: Path) -> None:
    (tmp_path / "b.txt").write_bytes("Ein Café\n".encode())
    (tmp_path / "a.v2.txt").write_bytes(b"\xef\xbb\xbf leading space")
    (tmp_path / "notes.md").write_text("not a prompt")
    (tmp_path / "folder.txt").mkdir()
    assert load_suite(str(tmp_path)).prompts == (Prompt("a.v2", " leading space", ()), Prompt("b", "Ein Café\n", ()))


@pytest.mark.parametrize("item_id", ["a/b", "con", "ünï.code", "100%"])
def test_encoded_names_give_their_item_id_back(tmp_path: Path, item_id: str) -> None:
    (tmp_path / f"{file_stem(item_id)}.txt").write_text("A prompt.")
    assert [prompt.item_id for prompt in load_suite(str(tmp_path)).prompts] == [item_id]


@pytest.mark.parametrize(
    ("content", "message"), [(b" \n", r"one\.txt is empty"), (b"caf\xe9", r"one\.txt: byte 3 is not UTF-8")]
)
def test_a_file_that_holds_no_prompt_is_named(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "one.txt").write_bytes(content)
    with pytest.raises(BadInputError, match=message):
        load_suite(str(tmp_path))


def test_a_folder_without_prompts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match=r"holds no \.txt file"):
        load_suite(str(tmp_path))


def test_the_real_prompts_all_load(real_prompts: dict[str, bytes], tmp_path: Path) -> None:
    for name, content in real_prompts.items():
        (tmp_path / name).write_bytes(content)
    suite = load_suite(str(tmp_path))
    assert len(suite.prompts) == 1065
    assert suite.by_id["countbench4"].text.endswith("\n")
    assert suite.by_id["diffusiondb25"].text.startswith(" ")
