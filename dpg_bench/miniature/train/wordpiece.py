"""The judge's vocabulary: BERT's WordPiece, trained on the questions of the world."""

from __future__ import annotations

from tokenizers.implementations.bert_wordpiece import BertWordPieceTokenizer

from dpg_bench.miniature.facts import all_facts

_SPECIAL = ("[UNK]", "[CLS]", "[SEP]", "[MASK]")
_ANSWERS = ("no", "yes")
_SIZE = 1000
"""More than it can use, so that every word of the world becomes a token of its own."""


def wordpiece_vocabulary() -> list[str]:
    """The tokens in order, special ones at BERT's places: `[PAD]` 0, `[UNK]` 100, `[CLS]` 101, `[SEP]` 102.

    The library's training is not repeatable: it breaks ties by the order of a hash table. What the questions come to
    use is, so that only this is kept, with all letters for other words.
    """
    questions = [*sorted(all_facts()), *_ANSWERS]
    trainer = BertWordPieceTokenizer(lowercase=True)
    trainer.train_from_iterator(iter(questions), vocab_size=_SIZE, min_frequency=1, show_progress=False)
    used = {token for encoding in trainer.encode_batch(questions) for token in encoding.tokens}
    letters = {token for token in trainer.get_vocab() if len(token.removeprefix("##")) == 1}
    words = sorted((used | letters) - {"[PAD]", *_SPECIAL})
    return ["[PAD]", *(f"[unused{n}]" for n in range(1, 100)), *_SPECIAL, *words]
