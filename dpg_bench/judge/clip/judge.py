"""The judge, by the procedure of T2I-CompBench's `CLIPScore_eval/CLIP_similarity.py` at 1b70949.

An image's shorter side is scaled to the model's (bicubic) and its middle cut out; text and image are compared by the
cosine of their projected features. Letters: Q texts about one image, W width of the projection.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from dpg_bench.device import torch_dtype
from dpg_bench.errors import DpgBenchError, option
from dpg_bench.halving import Halving
from dpg_bench.hub.huggingface import Weights
from dpg_bench.hub.loading import check_complete, load_errors
from dpg_bench.hub.remarks import quiet_libraries
from dpg_bench.judge.base import fingerprint_of
from dpg_bench.judge.normalising import normalise
from dpg_bench.judge.resizing import CentreSquare
from dpg_bench.records import Reply

CODE_VERSION = 1
"""Part of the fingerprint: goes up with every change of this package that can change an answer."""

_MOST_TEXTS = 256  # a pass


class ClipJudge:
    """CLIP. Implements `dpg_bench.judge.base.Judge`.

    A reply's text is the cosine with four digits, which is neither yes nor no; its `p_yes` is the cosine, 0 where it is
    negative. Images go through it one at a time, so that no reply depends on the others of a call.
    """

    def __init__(self, weights: Weights, *, device: str, dtype: str) -> None:
        """Load the model onto `device`, to compute in `dtype`.

        Raises BadInputError if the weights or the tokenizer can't be used.
        """
        from tokenizers.models import BPE
        from transformers import CLIPModel, CLIPTokenizer

        auto: Any = CLIPModel
        tokenizer_class: Any = CLIPTokenizer
        with quiet_libraries(), load_errors("CLIP", weights):
            model, found = auto.from_pretrained(
                weights.folder, local_files_only=True, dtype=torch_dtype(dtype), output_loading_info=True
            )
            # Of the two files that are recorded: a tokenizer.json beside them would be read in their place.
            vocabulary, merges = BPE.read_file(str(weights.folder / "vocab.json"), str(weights.folder / "merges.txt"))
            self._tokenizer: Any = tokenizer_class(vocab=vocabulary, merges=merges)
        check_complete(found, "CLIP", weights.source)
        self._model: Any = model.to(device).eval()
        self._longest: int = model.config.text_config.max_position_embeddings
        self.preprocess = CentreSquare(model.config.vision_config.image_size)
        self._halving = Halving(_MOST_TEXTS)
        decisive = {
            "judge": "clip",
            "code": CODE_VERSION,
            "dtype": dtype,
            "weights": weights.record()["sha256"],
        }
        self.fingerprint = fingerprint_of(decisive)
        self.provenance = {
            "source": weights.source,
            "revision": weights.commit,
            "image_size": self.preprocess.side,
            **decisive,
        }

    def answer(self, pixels: Sequence[NDArray[np.uint8]], questions: Sequence[Sequence[str]]) -> list[list[Reply]]:
        """How alike each of the texts `questions[i]` and the preprocessed image `pixels[i]` are.

        Raises torch.OutOfMemoryError if an image with a single text doesn't fit, and DpgBenchError for a text longer
        than CLIP reads, as its own tokenizer does.
        """
        with torch.inference_mode():
            return [self._about(image, texts) if texts else [] for image, texts in zip(pixels, questions, strict=True)]

    def _about(self, pixels: NDArray[np.uint8], texts: Sequence[str]) -> list[Reply]:
        image = normalise(torch.from_numpy(pixels[None].copy()).to(self._model.device)).to(self._model.dtype)
        seen = self._model.visual_projection(self._model.vision_model(pixel_values=image).pooler_output)
        return self._halving.work(texts, lambda part: self._replies(seen, part))

    def _replies(self, seen: torch.Tensor, texts: Sequence[str]) -> list[Reply]:
        """Image features (1, W) and Q texts → replies."""
        encoded = self._tokenizer(list(texts), padding=True, return_tensors="pt").to(seen.device)
        if encoded["input_ids"].shape[1] > self._longest:
            longest = max(texts, key=lambda text: len(self._tokenizer(text)["input_ids"]))
            raise DpgBenchError(
                f"CLIP reads {self._longest} tokens, and {longest[:60]!r}… has more; T2I-CompBench cuts nothing."
            )
        read = self._model.text_projection(self._model.text_model(**encoded).pooler_output)
        cosines = torch.nn.functional.cosine_similarity(read.float(), seen.float(), dim=-1).tolist()
        if not all(-1.001 <= one <= 1.001 for one in cosines):
            raise DpgBenchError(f"CLIP's numbers overflow in {self._model.dtype}; use {option('dtype', 'float32')}.")
        return [Reply(f"{one:.4f}", p_yes=min(1.0, max(0.0, one))) for one in cosines]
