"""A causal language model of transformers that says what it is told: a bigram table in a LLaMA without attention.

The chat template ends a conversation in its last word, so what is said depends on that word alone: after `word` comes
the answer that `answers[word]` names, token by token, and then the end of the text.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

_END, _UNKNOWN = "</s>", "<unk>"
TEMPLATE = "{{ messages[-1]['content'].split()[-1] }}"


def save_language_model(folder: Path, answers: Mapping[str, str], *, template: str | None = TEMPLATE) -> Path:
    """Writes the model and its tokenizer into `folder`; an answer that ends in `…` goes on for ever."""
    # A token of an answer bears where it stands, so that one word may be followed by different ones.
    chains = {
        word: [f"{word}@{place}@{token}" for place, token in enumerate(text.split())] for word, text in answers.items()
    }
    vocabulary = [_END, _UNKNOWN, *answers, *(token for chain in chains.values() for token in chain)]
    number = {token: place for place, token in enumerate(vocabulary)}
    size = len(vocabulary)
    following = torch.zeros(size, size)
    following[:, number[_END]] = 1.0
    for word, chain in chains.items():
        last = chain[-1] if answers[word].endswith("…") else _END
        for before, after in zip([word, *chain], [*chain, last], strict=True):
            following[number[before]] = 0.0
            following[number[before], number[after]] = 1.0
    config = LlamaConfig(
        vocab_size=size,
        hidden_size=size + size % 2,
        intermediate_size=4,
        num_hidden_layers=1,
        num_attention_heads=1,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
        tie_word_embeddings=False,
    )
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        for parameter in model.model.layers.parameters():
            parameter.zero_()
        model.model.norm.weight.fill_(1.0)
        model.model.embed_tokens.weight.copy_(torch.eye(size, config.hidden_size))
        model.lm_head.weight.zero_()
        model.lm_head.weight[:, :size] = following.T
    model.save_pretrained(folder)
    tokenizer = Tokenizer(models.WordLevel(number, unk_token=_UNKNOWN))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    tokenizer.decoder = decoders.Replace(Regex("^.*@[0-9]+@"), " ")
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=_END, unk_token=_UNKNOWN, pad_token=_END)
    fast.chat_template = template
    fast.save_pretrained(folder)
    return folder
