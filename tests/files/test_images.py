from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpg_bench.errors import BadInputError
from dpg_bench.files.images import find_images
from dpg_bench.files.item_names import file_stem


def touch(folder: Path, *names: str) -> Path:
    for name in names:
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"")
    return folder


def found(folder: Path, *item_ids: str) -> dict[str, list[str]]:
    images = find_images(folder, item_ids)
    return {item: [str(f.relative_to(folder)) for f in files.files] for item, files in images.items.items()}


def test_grids_of_every_format_are_found_whatever_the_case_of_the_suffix(tmp_path: Path) -> None:
    names = ["a.png", "b.jpg", "c.jpeg", "d.webp", "e.PNG"]
    touch(tmp_path, *names)
    assert found(tmp_path, *"abcde") == {name[0]: [name] for name in names}


def test_items_stand_in_the_order_of_the_suite(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png", "c.png")
    assert list(found(tmp_path, "c", "a", "b")) == ["c", "a", "b"]


@given(
    st.lists(st.text(min_size=1, max_size=12).filter(lambda s: s.isprintable()), unique=True, min_size=1, max_size=5)
)
def test_every_encoded_name_belongs_to_its_item(tmp_path_factory: pytest.TempPathFactory, item_ids: list[str]) -> None:
    folder = touch(tmp_path_factory.mktemp("names"), *(f"{file_stem(item)}.png" for item in item_ids))
    assert found(folder, *item_ids) == {item: [f"{file_stem(item)}.png"] for item in item_ids}


def test_an_exact_name_is_preferred_to_the_official_rule(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "a.b.png", "c.final.png")
    assert found(tmp_path, "a", "a.b", "c") == {"a": ["a.png"], "a.b": ["a.b.png"], "c": ["c.final.png"]}


def test_a_reserved_name_is_found_under_both_spellings(tmp_path: Path) -> None:
    assert found(touch(tmp_path / "1", "con.png"), "con") == {"con": ["con.png"]}
    assert found(touch(tmp_path / "2", "%63on.png"), "con") == {"con": ["%63on.png"]}


def test_files_per_image_are_taken_in_numerical_order(tmp_path: Path) -> None:
    touch(tmp_path, *(f"a/{k}.png" for k in range(11)))
    assert found(tmp_path, "a") == {"a": [f"a/{k}.png" for k in range(11)]}
    assert find_images(tmp_path, ["a"]).images_per_prompt == 11


def test_padded_numbers_are_numbers(tmp_path: Path) -> None:
    assert found(touch(tmp_path, "a/0000.png", "a/0001.jpg"), "a") == {"a": ["a/0000.png", "a/0001.jpg"]}


def test_the_number_of_images_is_the_launchers_for_grids_and_says_that_it_is_assumed(tmp_path: Path) -> None:
    grids = find_images(touch(tmp_path / "grids", "a.png"), ["a"])
    assert (grids.images_per_prompt, grids.assumed) == (4, True)
    told = find_images(tmp_path / "grids", ["a"], images_per_prompt=9)
    assert (told.images_per_prompt, told.assumed) == (9, False)
    files = find_images(touch(tmp_path / "files", "a/0.png", "a/1.png"), ["a"])
    assert (files.images_per_prompt, files.assumed) == (2, False)


def test_what_belongs_to_no_item_is_reported(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b.png", "notes.txt", "a.txt", "c/0.png", "a_results.txt", ".hidden", "x" * 240 + ".png")
    images = find_images(tmp_path, ["a", "b"])
    assert images.extra == ("a.txt", "a_results.txt", "c", "notes.txt", "x" * 240 + ".png")


def test_images_beyond_the_number_asked_for_are_extra(tmp_path: Path) -> None:
    touch(tmp_path, "a/0.png", "a/1.png", "a/2.png", "a/readme.md")
    images = find_images(tmp_path, ["a"], images_per_prompt=2)
    assert [file.name for file in images.items["a"].files] == ["0.png", "1.png"]
    assert images.extra == ("a/2.png", "a/readme.md")


def test_missing_items_are_named_with_what_is_missing(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "b/0.png", "b/1.png", "c/0.png", "e/note.txt")
    images = find_images(tmp_path, ["a", "b", "c", "d", "e"])
    assert list(images.items) == ["a", "b"]
    assert images.missing == {
        "c": "image 1 of 2 is missing, counted from 0 (there is 0.png)",
        "d": "there is no image",
        "e": "there is no image",
    }


@pytest.mark.parametrize(
    ("files", "named"),
    [
        (("a.jpg", "a.png"), "'a.jpg' and 'a.png'"),
        (("a.png", "a.v2.png"), "'a.png' and 'a.v2.png'"),
        (("a.png", "a/0.png"), "'a.png' and 'a/0.png'"),
        (("a.png", "a_0.png"), "'a.png' and 'a_0.png'"),
        (("a/0.jpg", "a/0.png"), "'a/0.jpg' and 'a/0.png'"),
        (("a/0.png", "a/00.png"), "'a/0.png' and 'a/00.png'"),
    ],
)
def test_an_item_that_is_there_twice_is_refused_naming_both(tmp_path: Path, files: list[str], named: str) -> None:
    with pytest.raises(BadInputError, match=named):
        find_images(touch(tmp_path, *files), ["a"])


@pytest.mark.parametrize(
    "names",
    [
        ["a/1.png", "a/2.png", "a/10.png"],
        ["a/img-001.png", "a/img-002.png", "a/img-010.png"],
        ["a/samples/0000.png", "a/samples/0001.png", "a/samples/0002.png"],
        ["a_0.png", "a_1.png", "a_2.png"],
        ["a-01.jpg", "a-02.jpg", "a-03.jpg"],
        ["a (1).png", "a (2).png", "a (3).png"],
        ["a.0.png", "a.1.png", "a.2.png"],
        ["a_seed1001.png", "a_seed1002.png", "a_seed1003.png"],
        ["a-image-0.png", "a-image-1.png", "a-image-2.png"],
        ["0_a.png", "1_a.png", "2_a.png"],
        ["img0-a.png", "img1-a.png", "img2-a.png"],
        ["1/a.png", "2/a.png", "3/a.png"],
        ["seed_1001/a.png", "seed_1002/a.png", "seed_1003/a.png"],
        ["a/1700000000.png", "a/1700000007.png", "a/1800000000.png"],
    ],
)
def test_the_usual_layouts_are_read_in_the_order_of_their_numbers(tmp_path: Path, names: list[str]) -> None:
    others = [re.sub(r"(?<![a-z])a(?![a-z])", "b", name) for name in names]
    touch(tmp_path, *names, *others)
    assert found(tmp_path, "a", "b") == {"a": names, "b": others}


def test_where_numbering_does_not_begin_at_0_this_is_said(tmp_path: Path) -> None:
    images = find_images(touch(tmp_path, "a/1.png", "a/2.png"), ["a"])
    assert images.guesses == ("images are numbered 1, 2: in this order",)
    assert find_images(touch(tmp_path / "zero", "a/0.png", "a/1.png"), ["a"]).guesses == ()


def test_numbers_of_each_items_own_are_taken_in_ascending_order(tmp_path: Path) -> None:
    touch(tmp_path, "a/20240311.png", "a/99.png", "b/1700000000.png", "b/3.png", "c/8.png", "c/7.png")
    images = find_images(tmp_path, ["a", "b", "c"])
    assert [file.name for file in images.items["b"].files] == ["3.png", "1700000000.png"]
    assert images.guesses == ("the images' numbers differ from item to item: taken in ascending order",)


def test_an_item_id_that_ends_in_a_number_is_not_taken_for_anothers_image(tmp_path: Path) -> None:
    touch(tmp_path / "grids", "a.png", "a_1.png")
    assert found(tmp_path / "grids", "a", "a_1") == {"a": ["a.png"], "a_1": ["a_1.png"]}
    touch(tmp_path / "flat", "a_0.png", "a_1.png", "a_1_0.png", "a_1_1.png")
    assert found(tmp_path / "flat", "a", "a_1") == {"a": ["a_0.png", "a_1.png"], "a_1": ["a_1_0.png", "a_1_1.png"]}
    known = find_images(touch(tmp_path / "few", "a_0.png", "a_1.png"), ["a"], known=["a", "a_1"])
    assert [file.name for file in known.items["a"].files] == ["a_0.png"]


def test_other_words_beside_the_number_are_other_pictures(tmp_path: Path) -> None:
    touch(
        tmp_path,
        *(f"{item}_{word}_{k}.png" for item in "ab" for word in ("image", "depth") for k in (0, 1)),
        "c_image_0.png",
    )
    images = find_images(tmp_path, ["a", "b", "c"])
    assert [file.name for file in images.items["b"].files] == ["b_image_0.png", "b_image_1.png"]
    assert "a_depth_1.png" in images.extra


def test_one_stray_image_is_named_and_costs_no_item(tmp_path: Path) -> None:
    touch(tmp_path, *(f"{item}/{k}.png" for item in "abc" for k in range(4)), "b/4.png")
    images = find_images(tmp_path, ["a", "b", "c"])
    assert (images.images_per_prompt, list(images.items), images.missing) == (4, ["a", "b", "c"], {})
    assert images.extra == ("b/4.png",)
    assert "'b' has 5" in images.guesses[0]
    two = find_images(touch(tmp_path / "two", *(f"{item}/{k}.png" for item in "ab" for k in range(4)), "a/4.png"), "ab")
    assert two.images_per_prompt == 4


@pytest.mark.parametrize(
    ("pattern", "names"),
    [
        ("{item}/{k:04d}.png", ["a/0000.png", "a/0001.png"]),
        ("{k}/out-{item}.jpg", ["0/out-a.jpg", "1/out-a.jpg"]),
        ("deep/{item}/img_{k}_*.png", ["deep/a/img_3_seed9.png", "deep/a/img_4_seed7.png"]),
        ("{item}.final.png", ["a.final.png"]),
    ],
)
def test_a_pattern_says_which_file_is_whose(tmp_path: Path, pattern: str, names: list[str]) -> None:
    touch(tmp_path, *names, "notes.txt", "a.other.png")
    images = find_images(tmp_path, ["a"], pattern=pattern)
    assert [file.relative_to(tmp_path).as_posix() for file in images.items["a"].files] == names
    assert "notes.txt" in images.extra


@pytest.mark.parametrize("pattern", ["{k}.png", "{item}{item}.png", "{item}/{n}.png", ""])
def test_a_pattern_without_an_item_is_refused(tmp_path: Path, pattern: str) -> None:
    with pytest.raises(BadInputError, match=r"must hold \{item\} once"):
        find_images(touch(tmp_path, "a.png"), ["a"], pattern=pattern)


@pytest.mark.parametrize(
    ("name", "shown"), [("other.png", "it holds other.png"), (".hidden", "it is empty")], ids=["other", "empty"]
)
def test_a_folder_without_any_of_the_suites_images_is_refused(tmp_path: Path, name: str, shown: str) -> None:
    with pytest.raises(BadInputError, match=shown):
        find_images(touch(tmp_path, name), ["a"])


def test_no_folder_and_impossible_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="no folder"):
        find_images(tmp_path / "absent", ["a"])
    with pytest.raises(BadInputError, match="0 images per prompt"):
        find_images(tmp_path, ["a"], images_per_prompt=0)
    with pytest.raises(BadInputError, match="-1 resolution"):
        find_images(tmp_path, ["a"], resolution=-1)


def test_the_order_in_which_files_were_made_is_irrelevant(tmp_path: Path) -> None:
    names = ["a.png", "b.jpg", "c/0.png", "c/1.png", "z.png", "y.txt"]
    results = []
    for attempt, order in enumerate(([0, 1, 2, 3, 4, 5], [5, 4, 3, 2, 1, 0], [3, 5, 0, 4, 1, 2])):
        folder = touch(tmp_path / str(attempt), *(names[at] for at in order))
        images = find_images(folder, ["a", "b", "c", "d"])
        results.append((found(folder, "a", "b", "c", "d"), images.missing, images.extra, images.images_per_prompt))
    assert results[0] == results[1] == results[2]
