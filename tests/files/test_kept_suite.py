"""A kept suite is read back as it was, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpg_bench.errors import BadInputError
from dpg_bench.files.kept_suite import read_kept_suite, write_kept_suite
from dpg_bench.files.recorded_images import find_recorded_images
from dpg_bench.files.run_folder import RunDir
from dpg_bench.records import Prompt, Question, Suite

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
questions = st.builds(Question, st.integers(1, 99), st.lists(st.integers(0, 9)).map(tuple), texts, texts, texts)
prompts = st.lists(st.builds(Prompt, texts, texts, st.lists(questions, max_size=3).map(tuple)), max_size=4).map(tuple)


@given(prompts)
def test_every_text_is_read_back(tmp_path_factory: pytest.TempPathFactory, drawn: tuple[Prompt, ...]) -> None:
    path = tmp_path_factory.getbasetemp() / "suite.jsonl"
    suite = Suite("a", "b", drawn)
    write_kept_suite(path, suite)
    assert read_kept_suite(path, name="a", source="b", digest=suite.digest) == suite


@pytest.mark.parametrize("content", [b"{}", b"[1,2,3]", b"[", b"\xff", b'["a","b",[[1,[],"c"]]]', b"[" * 100_000])
def test_a_damaged_line_is_named(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "suite.jsonl"
    path.write_bytes(b'["item0","A fox.",[]]\n' + content + b"\n")
    with pytest.raises(BadInputError, match=r"suite\.jsonl, line 2 is damaged.*with suite"):
        read_kept_suite(path, name="a", source="b", digest="")


def test_a_file_named_after_an_item_that_was_not_chosen_is_no_image_of_another(tmp_path: Path) -> None:
    run = RunDir(tmp_path)
    (tmp_path / "images").mkdir()
    for name in ("a.png", "a_1.png"):
        (tmp_path / "images" / name).write_bytes(b"")
    (tmp_path / "run.json").write_text("{}")
    suite = run.judgement("mplug").suite
    suite.parent.mkdir(parents=True)
    write_kept_suite(suite, Suite("a", "b", (Prompt("a", "A fox.", ()), Prompt("a_1", "A hare.", ()))))
    images = find_recorded_images(run, ["a"], images_per_prompt=4)
    assert images is not None
    assert [file.name for file in images.items["a"].files] == ["a.png"]
    suite.write_bytes(b"damaged\n")
    with pytest.raises(BadInputError, match="a_1"):
        find_recorded_images(run, ["a"], images_per_prompt=4)


def test_other_questions_than_those_scored_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "suite.jsonl"
    write_kept_suite(path, Suite("a", "b", (Prompt("item0", "A fox.", ()),)))
    with pytest.raises(BadInputError, match="other questions than those that were scored"):
        read_kept_suite(path, name="a", source="b", digest="0" * 64)
    with pytest.raises(BadInputError, match=r"none\.jsonl can't be read"):
        read_kept_suite(tmp_path / "none.jsonl", name="a", source="b", digest="")
