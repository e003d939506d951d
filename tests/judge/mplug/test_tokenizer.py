"""Questions to tokens and back, over small vocabularies."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dpg_bench.errors import BadInputError
from dpg_bench.judge.mplug.checkpoint import VOCABULARY_FILE
from dpg_bench.judge.mplug.tokenizer import END, START, Tokenizer


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Tokenizer:
    unused = [f"[unused{n}]" for n in range(1, 100)]
    words = ["is", "there", "a", "cafe", "##teria", "don", "'", "t", "?", "yes"]
    path = tmp_path_factory.mktemp("tokens") / VOCABULARY_FILE
    path.write_text("\n".join(["[PAD]", *unused, "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]), encoding="utf-8")
    return Tokenizer(path, 120)


def test_case_and_accents_make_no_difference(tokenizer: Tokenizer) -> None:
    plain, shouted = tokenizer.encode(["is there a cafeteria?", "  IS there\tA CAFÉTERIA ?"])
    assert plain == shouted == [START, 104, 105, 106, 107, 108, 112, END]


def test_words_outside_the_vocabulary_are_unknown(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode(["is zebra"]) == [[START, 104, 100, END]]


def test_a_long_question_is_cut_to_25_tokens_and_still_ends(tokenizer: Tokenizer) -> None:
    assert tokenizer.encode(["is " * 40]) == [[START, *[104] * 23, END]]


def test_an_answer_is_decoded_without_special_tokens(tokenizer: Tokenizer) -> None:
    assert tokenizer.decode([START, 113, END]) == "yes"
    assert tokenizer.decode([START, 106, 107, 108, END, 113]) == "a cafeteria yes"


def test_a_token_may_be_a_line_separator_to_unicode(tmp_path: Path) -> None:
    path = tmp_path / VOCABULARY_FILE
    unused = [f"[unused{n}]" for n in range(1, 98)]
    path.write_text("\n".join(["[PAD]", "\u2028", "\x85", *unused, "[UNK]", "[CLS]", "[SEP]", "yes"]) + "\n", "utf-8")
    assert Tokenizer(path, 104).encode(["yes"]) == [[START, 103, END]]


@given(st.lists(st.text(), min_size=1, max_size=3))
def test_any_text_is_2_to_25_known_tokens(tiny_folder: Path, questions: list[str]) -> None:
    tokenizer = Tokenizer(tiny_folder / VOCABULARY_FILE, 300)
    for tokens in tokenizer.encode(questions):
        assert 2 <= len(tokens) <= 25
        assert (tokens[0], tokens[-1]) == (START, END)
        assert all(0 < token < 300 for token in tokens)


@pytest.mark.parametrize(
    ("content", "vocab_size", "message"),
    [
        (None, 300, "is missing"),
        ("\n".join(str(n) for n in range(200)), 300, r"'\[CLS\]' must be token 101, but is None"),
        ("\n".join(str(n) for n in range(200)), 100, "has 200 tokens, but the model only 100"),
        ("\n".join([*map(str, range(101)), "[CLS]", "[SEP]"]), 300, r"'\[PAD\]' is missing"),
    ],
)
def test_a_vocabulary_that_does_not_fit_is_refused(
    tmp_path: Path, content: str | None, vocab_size: int, message: str
) -> None:
    path = tmp_path / VOCABULARY_FILE
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadInputError, match=message):
        Tokenizer(path, vocab_size)
