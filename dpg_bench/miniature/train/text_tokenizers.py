"""CLIP's and T5's tokenizers, trained on the world's captions, to the same bytes every time.

The trainers of the `tokenizers` library break ties by the order of a hash table, so that no two trainings agree. CLIP's
merges are found here by the few lines that byte pair encoding takes (Sennrich et al., arXiv 1508.07909, algorithm 1),
T5's pieces by sentencepiece.
"""

from __future__ import annotations

import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

CAPTIONS = 4000
_MERGES = 700
_PIECES = 600
_CLIP_WORDS = re.compile(r"[a-z]+|[0-9]|[^\sa-z0-9]+")
"""How CLIP splits lower-cased text that is ASCII and has no apostrophes, as the world's is."""


def write_clip_tokenizer(texts: Iterable[str], folder: Path) -> None:
    """Train CLIP's byte pair encoding on `texts` and save it as a transformers tokenizer of 77 tokens."""
    from tokenizers.pre_tokenizers import ByteLevel
    from transformers import CLIPTokenizer

    letters = sorted(ByteLevel.alphabet())
    merges = _merges(Counter(word for text in texts for word in _CLIP_WORDS.findall(text.lower())))
    tokens = [*letters, *(f"{letter}</w>" for letter in letters), *("".join(pair) for pair in merges)]
    tokens = [*dict.fromkeys(tokens), "<|startoftext|>", "<|endoftext|>"]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer: Any = CLIPTokenizer
    tokenizer(vocab=vocabulary, merges=merges, model_max_length=77).save_pretrained(folder)


def _merges(words: Counter[str]) -> list[tuple[str, str]]:
    """The merges in order: each time the pair that is most frequent, of several the first by the alphabet."""
    split = {word: [*word[:-1], f"{word[-1]}</w>"] for word in words}
    merges: list[tuple[str, str]] = []
    while len(merges) < _MERGES:
        pairs: Counter[tuple[str, str]] = Counter()
        for word, parts in split.items():
            for pair in pairwise(parts):
                pairs[pair] += words[word]
        if not pairs:
            break
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        split = {word: _merged(parts, best) for word, parts in split.items()}
    return merges


def _merged(parts: list[str], pair: tuple[str, str]) -> list[str]:
    merged: list[str] = []
    for part in parts:
        if merged and (merged[-1], part) == pair:
            merged[-1] += part
        else:
            merged.append(part)
    return merged


def write_t5_tokenizer(texts: Sequence[str], folder: Path) -> None:
    """Train T5's unigram model on `texts` and save it as a transformers tokenizer with 100 sentinels.

    On a world of 200 words, sentencepiece's unigram training drops most whole words. So the pieces are those of its
    byte pair encoding, and their probabilities those with which they occur.
    """
    import sentencepiece
    from transformers import T5Tokenizer

    model = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(texts),
        model_writer=model,
        model_type="bpe",
        vocab_size=_PIECES,
        hard_vocab_limit=False,
        character_coverage=1.0,
        pad_id=0,
        eos_id=1,
        unk_id=2,
        bos_id=-1,
        num_threads=1,
        minloglevel=2,
    )
    processor: Any = sentencepiece.SentencePieceProcessor(model_proto=model.getvalue())
    used = Counter(piece for text in texts for piece in processor.encode(text, out_type=str))
    special = [(piece, 0.0) for piece in ("<pad>", "</s>", "<unk>")]
    found = [processor.id_to_piece(n) for n in range(len(special), processor.get_piece_size())]
    pieces = [(piece, math.log((used[piece] + 0.1) / used.total())) for piece in found]
    T5Tokenizer(vocab=[*special, *pieces], extra_ids=100, model_max_length=512).save_pretrained(folder)
