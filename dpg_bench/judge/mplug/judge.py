"""The judge that the benchmark talks to: preprocessed images and questions in, answers out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray

from dpg_bench.judge.base import fingerprint_of
from dpg_bench.judge.mplug.checkpoint import VOCABULARY_FILE, WEIGHTS_FILE, Checkpoint
from dpg_bench.judge.mplug.config import read_config
from dpg_bench.judge.mplug.model import EncodedImages
from dpg_bench.judge.mplug.precision import products
from dpg_bench.judge.mplug.tokenizer import Tokenizer
from dpg_bench.judge.mplug.weights import load_model
from dpg_bench.judge.resizing import Squash
from dpg_bench.records import Reply

CODE_VERSION = 2
"""Part of the fingerprint: goes up with every change of this package that can change an answer."""

_DECIMALS = 6
"""Of P(yes): what float32 tells apart."""


@dataclass(frozen=True, slots=True)
class BatchLimits:
    """How much is computed at once, which bounds memory: images in the encoder, questions in the decoder."""

    images: int
    questions: int

    @staticmethod
    def for_device(device: str) -> BatchLimits:
        """Limits that keep a GPU busy; on a CPU one image, so that to the last bit a reply depends on nothing else.

        A product of more rows rounds otherwise. A CPU has enough to do with an image and its questions.
        """
        return BatchLimits(images=1, questions=64) if device == "cpu" else BatchLimits(images=32, questions=512)


class MplugJudge:
    """mPLUG VQA from a checkpoint folder. Implements `dpg_bench.judge.base.Judge`."""

    def __init__(self, checkpoint: Checkpoint, *, device: str, dtype: str, limits: BatchLimits | None = None) -> None:
        """Load the checkpoint onto `device`, to compute in `dtype`: float32, tf32x3, tf32, float16 or bfloat16.

        Raises BadInputError if anything in the folder is missing, damaged, of another model, or no longer the file that
        was downloaded.
        """
        config = read_config(checkpoint.folder)
        self._dtype = dtype
        self._limits = limits or BatchLimits.for_device(device)
        self.preprocess = Squash(config.vision.image_res)
        self._tokenizer = Tokenizer(checkpoint.folder / VOCABULARY_FILE, config.bert.vocab_size)
        self._model = load_model(config, checkpoint.folder, device=torch.device(device), precision=dtype)
        self._yes_no = self._tokenizer.tokens_of("yes", "no")
        decisive = {
            "judge": "mplug",
            "code": CODE_VERSION,
            "dtype": dtype,
            "weights": checkpoint.digest(WEIGHTS_FILE),
            "vocabulary": checkpoint.digest(VOCABULARY_FILE),
            "config": config.model_dump(mode="json"),
        }
        self.fingerprint = fingerprint_of(decisive)
        self.provenance = {"source": checkpoint.source, "revision": checkpoint.revision, **decisive}

    def answer(self, pixels: Sequence[NDArray[np.uint8]], questions: Sequence[Sequence[str]]) -> list[list[Reply]]:
        """The replies to `questions[i]`, in order, about the preprocessed image `pixels[i]`.

        Any number of images and questions; what doesn't fit the limits is done in turn. Raises
        torch.OutOfMemoryError if a batch doesn't fit, and DpgBenchError if half precision overflows.
        """
        answers: list[list[Reply]] = [[] for _ in questions]
        asked = iter([number for number, asked in enumerate(questions) if asked])
        with torch.inference_mode(), products(self._dtype):
            while images := list(islice(asked, self._limits.images)):
                stacked = torch.from_numpy(np.stack([pixels[image] for image in images]))
                encoded = self._model.encode_images(stacked.to(self._model.device))
                flat = [(place, question) for place, image in enumerate(images) for question in questions[image]]
                for start in range(0, len(flat), self._limits.questions):
                    part = flat[start : start + self._limits.questions]
                    for (place, _), answer in zip(part, self._answer_part(encoded, part), strict=True):
                        answers[images[place]].append(answer)
        return answers

    def _answer_part(self, encoded: EncodedImages, part: Sequence[tuple[int, str]]) -> list[Reply]:
        """The replies to (image, question) pairs in ascending order of images."""
        first, last = part[0][0], part[-1][0]
        tokens = self._tokenizer.encode([question for _, question in part])
        image_of = [place - first for place, _ in part]
        hypotheses = self._model.answer(encoded.slice(first, last + 1), tokens, image_of, preference=self._yes_no)
        return [
            Reply(
                text=self._tokenizer.decode(hypothesis.tokens),
                p_yes=None if hypothesis.preference is None else round(hypothesis.preference, _DECIMALS),
                log_prob=hypothesis.score,
            )
            for hypothesis in hypotheses
        ]
