"""Questions to token ids and back: BERT's uncased WordPiece, over the checkpoint's own `vocab.txt`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import decoded, read_content
from dpg_bench.judge.mplug.config import MAX_QUESTION_TOKENS

START, END = 101, 102
"""The ids that the reference's answer generator begins and ends with, whatever the vocabulary says."""


class Tokenizer:
    """Lower case, accents stripped, WordPiece, `[CLS] … [SEP]`, cut to 25 tokens and not padded."""

    def __init__(self, vocabulary: Path, vocab_size: int) -> None:
        """Read `vocabulary`, one token a line, for a model with `vocab_size` embeddings.

        Raises BadInputError if the file is missing, isn't UTF-8, or doesn't fit the model.
        """
        if not vocabulary.exists():
            raise BadInputError(f"{vocabulary} is missing: the checkpoint folder must hold its vocabulary.")
        text = decoded(read_content(vocabulary), str(vocabulary))
        lines = text.removesuffix("\n").split("\n")  # not splitlines(): a token may be a line separator to Unicode
        if len(lines) > vocab_size:
            raise BadInputError(f"{vocabulary} has {len(lines)} tokens, but the model only {vocab_size} (vocab_size).")
        ids = {token: number for number, token in enumerate(lines)}
        for token, number in {"[CLS]": START, "[SEP]": END}.items():
            if ids.get(token) != number:
                raise BadInputError(f"{vocabulary}: '{token}' must be token {number}, but is {ids.get(token)}.")
        for token in ("[PAD]", "[UNK]"):
            if token not in ids:
                raise BadInputError(f"{vocabulary}: the token '{token}' is missing.")
        self._ids = ids
        self._tokenizer = BertWordPieceTokenizer(ids, lowercase=True)
        self._tokenizer.enable_truncation(MAX_QUESTION_TOKENS)

    def encode(self, questions: Sequence[str]) -> list[list[int]]:
        """The token ids of each question, 2 to 25 of them."""
        return [encoding.ids for encoding in self._tokenizer.encode_batch(list(questions))]

    def tokens_of(self, first: str, second: str) -> tuple[int, int] | None:
        """The token ids of two words; None if the vocabulary lacks one as a whole."""
        return (self._ids[first], self._ids[second]) if first in self._ids and second in self._ids else None

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of an answer, special tokens left out."""
        return str(self._tokenizer.decode(list(tokens), skip_special_tokens=True)).strip()
