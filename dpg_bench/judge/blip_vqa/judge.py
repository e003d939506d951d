"""The judge, by the procedure of T2I-CompBench (`BLIPvqa_eval` in Karine-Huang/T2I-CompBench at 7710d05).

Letters: Q questions about one image, T tokens of the longest, S image tokens, D width.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dpg_bench.errors import DpgBenchError, option
from dpg_bench.halving import Halving
from dpg_bench.hub.digests import sha256_of
from dpg_bench.hub.huggingface import Weights
from dpg_bench.judge.base import fingerprint_of
from dpg_bench.judge.blip_vqa.checkpoint import load_blip_vqa
from dpg_bench.judge.blip_vqa.text import PAD, Tokenizer
from dpg_bench.judge.normalising import normalise
from dpg_bench.judge.resizing import Squash
from dpg_bench.records import Reply

CODE_VERSION = 1
"""Part of the fingerprint: goes up with every change of this package that can change an answer."""

_MOST_QUESTIONS = 64  # a pass
_DECIMALS = 4
"""Of p(yes), as T2I-CompBench writes and then multiplies it."""


class BlipVqaJudge:
    """BLIP-VQA. Implements `dpg_bench.judge.base.Judge`.

    Images go through it one at a time, each with all its questions, so that no reply depends on the others of a call.
    """

    def __init__(self, weights: Weights, vocabulary: Path, *, device: str, dtype: str) -> None:
        """Load the model onto `device`, to compute in `dtype`.

        Raises BadInputError if the weights or the vocabulary can't be used.
        """
        self._model = load_blip_vqa(weights, device=device, dtype=dtype)
        config = self._model.config
        self._tokenizer = Tokenizer(vocabulary, config.text_config.vocab_size)
        self.preprocess = Squash(config.vision_config.image_size)
        self._halving = Halving(_MOST_QUESTIONS)
        decisive = {
            "judge": "blip-vqa",
            "code": CODE_VERSION,
            "dtype": dtype,
            "weights": weights.record()["sha256"],
            "vocabulary": sha256_of(vocabulary),
        }
        self.fingerprint = fingerprint_of(decisive)
        self.provenance = {
            "source": weights.source,
            "revision": weights.commit,
            "image_size": config.vision_config.image_size,
            "heads": config.text_config.num_attention_heads,
            "layer_norm_eps": config.vision_config.layer_norm_eps,
            **decisive,
        }

    def answer(self, pixels: Sequence[NDArray[np.uint8]], questions: Sequence[Sequence[str]]) -> list[list[Reply]]:
        """The replies to `questions[i]`, in order, about the preprocessed image `pixels[i]`.

        Raises torch.OutOfMemoryError if an image with a single question doesn't fit, and DpgBenchError if half
        precision overflows.
        """
        with torch.inference_mode():
            return [self._about(image, texts) if texts else [] for image, texts in zip(pixels, questions, strict=True)]

    def _about(self, pixels: NDArray[np.uint8], questions: Sequence[str]) -> list[Reply]:
        image = normalise(torch.from_numpy(pixels[None].copy()).to(self._model.device)).to(self._model.dtype)
        seen = self._model.vision_model(pixel_values=image).last_hidden_state
        return self._halving.work(self._tokenizer.encode(questions), lambda part: self._replies(seen, part))

    def _replies(self, seen: Tensor, tokens: Sequence[Sequence[int]]) -> list[Reply]:
        """Image tokens (1, S, D) and the token ids of Q questions → replies.

        The decoder reads questions of one length at a time: transformers (5.23) drops the mask of its cross-attention,
        by which the original leaves the padding out.
        """
        longest = max(map(len, tokens))
        padded = [[*ids, *[PAD] * (longest - len(ids))] for ids in tokens]
        ids = torch.tensor(padded, device=seen.device)
        mask = torch.tensor([[n < len(one) for n in range(longest)] for one in tokens], device=seen.device).long()
        read = self._model.text_encoder(
            input_ids=ids, attention_mask=mask, encoder_hidden_states=seen.expand(len(tokens), -1, -1)
        ).last_hidden_state
        found = [0.0] * len(tokens)
        for length in sorted({len(one) for one in tokens}):
            places = [n for n, one in enumerate(tokens) if len(one) == length]
            for place, share in zip(places, self._shares(read[places, :length]), strict=True):
                found[place] = share
        if not all(0 <= share <= 1 for share in found):
            raise DpgBenchError(
                f"BLIP-VQA's numbers overflow in {self._model.dtype}; use {option('dtype', 'float32')}."
            )
        return [Reply("yes" if share > 0.5 else "no", p_yes=round(share, _DECIMALS)) for share in found]

    def _shares(self, read: Tensor) -> list[float]:
        """Questions with what was seen (Q, T, D) → p(yes) / (p(yes) + p(no)) of each, where the answer begins."""
        begin = torch.full((len(read), 1), self._tokenizer.begin_answer, device=read.device)
        logits = self._model.text_decoder(input_ids=begin, encoder_hidden_states=read).logits[:, 0]
        shares = logits.float().softmax(-1)
        yes, no = shares[:, self._tokenizer.yes], shares[:, self._tokenizer.no]
        told: list[float] = (yes / (yes + no)).tolist()
        return told
