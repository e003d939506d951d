"""Questions to token ids as BLIP-VQA has them (`data/utils.py` and `models/blip_vqa.py` in Karine-Huang/T2I-CompBench).

Imports no torch.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from dpg_bench.errors import BadInputError
from dpg_bench.files.reading import decoded, read_content

PAD = 0
_DROPPED = re.compile(r"[.!\"()*#:;~]")
_MOST_WORDS = 50
_MOST_TOKENS = 35


def plain_question(question: str) -> str:
    """Lower case, without `.!"()*#:;~` and spaces at the end, cut after 50 words."""
    words = _DROPPED.sub("", question.lower()).rstrip(" ").split(" ")
    return " ".join(words[:_MOST_WORDS])


class Tokenizer:
    """BERT's uncased WordPiece and the two tokens that BLIP adds behind it: [DEC] and [ENC]."""

    def __init__(self, vocabulary: Path, vocab_size: int) -> None:
        """Read `vocabulary`, one token a line, for a model with `vocab_size` embeddings.

        Raises BadInputError if it isn't UTF-8, doesn't fit the model, or lacks a token.
        """
        lines = decoded(read_content(vocabulary), str(vocabulary)).removesuffix("\n").split("\n")
        if len(lines) + 2 != vocab_size:
            raise BadInputError(
                f"{vocabulary} has {len(lines)} tokens, which with [DEC] and [ENC] must be the model's {vocab_size}."
            )
        ids = {token: number for number, token in enumerate(lines)}
        for token in ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "yes", "no"):
            if token not in ids:
                raise BadInputError(f"{vocabulary}: the token '{token}' is missing.")
        self.begin_answer, self._begin_question = len(lines), len(lines) + 1
        self.yes, self.no = ids["yes"], ids["no"]
        self._tokenizer = BertWordPieceTokenizer(ids, lowercase=True)
        self._tokenizer.enable_truncation(_MOST_TOKENS)

    def encode(self, questions: Sequence[str]) -> list[list[int]]:
        """The token ids of each question, at most 35, with [ENC] in the place of [CLS]."""
        found = self._tokenizer.encode_batch([plain_question(question) for question in questions])
        return [[self._begin_question, *encoding.ids[1:]] for encoding in found]
