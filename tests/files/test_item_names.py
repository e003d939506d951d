"""Item ids as file names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpg_bench.errors import BadInputError
from dpg_bench.files.item_names import check_names, file_stem, item_id_of


@pytest.mark.parametrize(
    ("item_id", "stem"),
    [
        ("partiprompts97", "partiprompts97"),
        ("COCOval2014_12-3", "COCOval2014_12-3"),
        ("a/b", "a%2Fb"),
        ("../x", "%2E%2E%2Fx"),
        ("v1.5", "v1%2E5"),
        ("café", "caf%C3%A9"),
        ("con", "%63on"),
        ("LPT1", "%4CPT1"),
        ("50%", "50%25"),
        (" x ", "%20x%20"),
    ],
)
def test_names_are_safe_and_dpg_bench_ids_are_their_own(item_id: str, stem: str) -> None:
    assert file_stem(item_id) == stem
    assert item_id_of(stem) == item_id


@given(st.text(min_size=1, max_size=20).filter(lambda text: text.isprintable() or "\n" in text))
def test_a_name_leads_back_to_its_id_and_holds_nothing_special(item_id: str) -> None:
    try:
        item_id.encode()
    except UnicodeEncodeError:
        return
    stem = file_stem(item_id)
    assert item_id_of(stem) == item_id
    assert not set(stem) & set('./\\:*?"<>| \0')


@pytest.mark.parametrize("stem", ["a.b", "caf%e9", "%zz", "con", "%61"])
def test_a_name_that_no_id_makes_is_no_name(stem: str) -> None:
    assert item_id_of(stem) is None


def test_empty_and_endless_ids_are_refused() -> None:
    with pytest.raises(BadInputError, match="empty"):
        file_stem("")
    with pytest.raises(BadInputError, match="file name of 210 bytes"):
        file_stem("日" * 23 + "abc")


def test_ids_that_share_a_file_where_case_does_not_count_are_refused() -> None:
    check_names(["a", "b", "a b", "ä"])
    with pytest.raises(BadInputError, match="'Fox' and 'fox' differ in nothing but case"):
        check_names(["Fox", "hen", "fox"])
    with pytest.raises(BadInputError, match="empty"):
        check_names(["a", ""])
