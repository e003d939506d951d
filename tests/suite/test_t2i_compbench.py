"""T2I-CompBench's suites: verified, asked as its scripts ask, and no object lost for the corrected score."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from dpg_bench.cli.app import app
from dpg_bench.errors import BadInputError, UnavailableError
from dpg_bench.hub.cache import shipped_folder
from dpg_bench.hub.pinned_files import git_blob_id
from dpg_bench.suite import t2i_compbench
from dpg_bench.suite.registry import load_suite, own_images_per_prompt, pending_download, suite_specs
from dpg_bench.suite.t2i_compbench import Phrases, attribute_prompts, is_for, joined_things

# In the form of theirs, and ours: Windows line ends, no last one.
LINES = (
    b"a red fox and a blue lantern\r\na grey fox and green ferns\r\nThe blue boat lies on a grey, cold shore.\r\na fox"
)
SPANS = (((0, 9), (14, 28)), ((0, 26),), ((0, 13), (22, 40)), ())
PLACES = b"two foxes share a pear.\r\na fox reads to a hen.\r\n"


@pytest.fixture
def mirror(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the repository with our lines, which are what is pinned, and phrases of them."""
    folder = tmp_path / "mirror" / "examples" / "dataset"
    folder.mkdir(parents=True)
    (folder / "color_val.txt").write_bytes(LINES)
    (folder / "non_spatial_val.txt").write_bytes(PLACES)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    monkeypatch.setenv("DPGBENCH_T2I_COMPBENCH_URL", (tmp_path / "mirror").as_uri())
    monkeypatch.setenv("DPGBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setitem(t2i_compbench._ATTRIBUTES, "color", git_blob_id(LINES))
    monkeypatch.setitem(t2i_compbench._NON_SPATIAL, "non-spatial", git_blob_id(PLACES))
    monkeypatch.setattr(t2i_compbench, "frozen_phrases", lambda _: Phrases("a parser", SPANS))
    return folder


def asked(protocol: str) -> list[list[str]]:
    prompts = attribute_prompts(LINES, "color", Phrases("a parser", SPANS))
    return [[one.text for one in prompt.questions if is_for(one, protocol)] for prompt in prompts]


def test_the_original_score_asks_what_the_parser_found() -> None:
    assert asked("official") == [
        ["a red fox?", "a blue lantern?"],
        ["a grey fox and green ferns?"],
        ["The blue boat?", "a grey, cold shore?"],
        [],
    ]


def test_the_corrected_score_loses_no_object() -> None:
    assert asked("corrected") == [
        ["a red fox?", "a blue lantern?"],
        ["a grey fox?", "green ferns?"],
        ["The blue boat?", "a grey, cold shore?"],
        [],
    ]


def test_a_thing_that_was_found_is_asked_once() -> None:
    (prompt,) = attribute_prompts(b"a green acorn and a brown leaf", "color", Phrases("a parser", (((18, 30),),)))
    assert [(one.text, one.category) for one in prompt.questions] == [
        ("a brown leaf?", "attribute - color"),
        ("a green acorn?", "attribute - color, restored"),
    ]


def test_no_more_than_eight_phrases_are_asked() -> None:
    (prompt,) = attribute_prompts(b"abcdefghij", "color", Phrases("a parser", (tuple((n, n + 1) for n in range(10)),)))
    assert [one.text for one in prompt.questions] == [f"{letter}?" for letter in "abcdefgh"]


def test_only_a_plain_pair_is_taken_apart() -> None:
    assert joined_things("a fox and a hen.") == ("a fox", "a hen")
    assert joined_things("a fox, a hen and a cat") == ()
    assert joined_things("a fox and a hen and a cat") == ()
    assert joined_things("a sandy fox") == ()


def test_a_suite_is_downloaded_once_and_verified(mirror: Path) -> None:
    assert pending_download("t2i-compbench/color") == "1 file of the suite t2i-compbench/color"
    suite = load_suite("t2i-compbench/color")
    assert pending_download("t2i-compbench/color") is None
    assert [prompt.item_id for prompt in suite.prompts] == [f"color{n:03}" for n in range(4)]
    assert suite.prompts[2].text == "The blue boat lies on a grey, cold shore."
    assert suite.source.endswith("examples/dataset, phrases by a parser")
    (mirror / "color_val.txt").unlink()
    assert load_suite("t2i-compbench/color").digest == suite.digest


def test_other_content_is_refused(mirror: Path) -> None:
    (mirror / "color_val.txt").write_bytes(LINES + b"\r\na hen")
    with pytest.raises(UnavailableError, match="instead of the pinned"):
        load_suite("t2i-compbench/color")


def test_non_spatial_prompts_are_asked_whole(mirror: Path) -> None:
    suite = load_suite("t2i-compbench/non-spatial")
    assert [[one.text for one in prompt.questions] for prompt in suite.prompts] == [
        ["two foxes share a pear."],
        ["a fox reads to a hen."],
    ]
    assert {one.category for prompt in suite.prompts for one in prompt.questions} == {"relation - non-spatial"}


def test_ten_images_of_every_prompt_are_their_own_protocol() -> None:
    assert {name: own_images_per_prompt(name) for name in suite_specs() if name.startswith("t2i")} == {
        f"t2i-compbench/{part}": 10 for part in ("color", "shape", "texture", "non-spatial")
    }
    assert own_images_per_prompt("sample") == 4


def test_why_there_is_no_spatial_suite_is_said() -> None:
    for part in ("spatial", "complex", "3d_spatial"):
        with pytest.raises(BadInputError, match="need a detector"):
            load_suite(f"t2i-compbench/{part}")


def test_what_ships_are_places_in_the_pinned_texts_and_who_found_them() -> None:
    text = (shipped_folder("prompts") / "t2i_compbench_phrases.json").read_text(encoding="utf-8")
    content = json.loads(text)
    assert set(content["parser"]) == {"spacy", "model"}
    for part, blob in t2i_compbench._ATTRIBUTES.items():
        assert content["prompts"][part]["git_blob"] == blob
        spans = t2i_compbench.frozen_phrases(part).spans
        assert len(spans) == 300
        assert all(0 <= begin < end for one in spans for begin, end in one)
        assert all(one == tuple(sorted(one)) for one in spans)


def test_run_draws_as_many_images_as_the_suites_own_protocol_has(mirror: Path, tmp_path: Path) -> None:
    def planned(suite: str) -> str:
        told = ["run", "--model", "tiny-sd15", "--suite", suite, "--out", str(tmp_path / "run"), "--dry-run"]
        return CliRunner().invoke(app, told).stdout

    assert "40 (10 per prompt)" in planned("t2i-compbench/color")
    assert "(4 per prompt)" in planned("sample")
