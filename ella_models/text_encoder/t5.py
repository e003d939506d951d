"""The frozen T5 encoder: prompts → features for the connector, at fixed or flexible length.

Axes: P prompts, S text positions, C width of the encoder.

Source: ELLA's `model.py` and `inference.py` at 3c228f1. At the fixed length, which the connector was trained with, a
prompt is cut and padded to 128 tokens; the mask keeps T5 from reading the padding, but the connector sees the features
of all 128 positions. At flexible length there is no padding, and the connector sees the prompt's own tokens alone.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import torch
from safetensors import SafetensorError
from transformers import (
    AutoTokenizer,
    MT5EncoderModel,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    T5EncoderModel,
    UMT5EncoderModel,
)

from ella_models.errors import EllaError
from ella_models.text_encoder.base import (
    DEFAULT_OPTIONS,
    PROMPT_PLACE,
    TextFeatures,
    TextInput,
    TextOptions,
    cast_whole,
    hidden_states,
)
from ella_models.text_encoder.strangers import NO_CODE, read_config

RELEASED_TEXT_ENCODER = "google/flan-t5-xl"
T5_FAMILY: dict[str, type[PreTrainedModel]] = {"t5": T5EncoderModel, "mt5": MT5EncoderModel, "umt5": UMT5EncoderModel}


@dataclass(frozen=True, slots=True)
class T5TextEncoder:
    """A T5 encoder (mT5 and umT5 too) with its tokenizer.

    Raises EllaError for options that T5 can't follow: it is padded on the right and has no begin token.
    """

    tokenizer: PreTrainedTokenizerBase
    model: PreTrainedModel
    options: TextOptions = DEFAULT_OPTIONS

    def __post_init__(self) -> None:
        if self.options.padding_side != "right" or self.options.begin_token is not None:
            raise EllaError("T5 is padded on the right and has no begin token; leave both options out.")

    @property
    def width(self) -> int:
        """C, the width of the features."""
        width: int = self.model.config.d_model
        return width

    @classmethod
    def from_pretrained(
        cls,
        source: str | os.PathLike[str],
        *,
        revision: str | None = None,
        dtype: torch.dtype = torch.float32,
        options: TextOptions | None = None,
    ) -> Self:
        """Load encoder and tokenizer from a Hub repository or a folder, all parameters in `dtype`.

        Raises EllaError if they can't be loaded from there, or something else than a T5 encoder is there.
        """
        where = os.fspath(source)
        if Path(where).is_absolute() and not Path(where).is_dir():
            raise EllaError(f"There is no folder '{where}' to load the T5 text encoder from.")
        try:
            kind = read_config(where, revision=revision).model_type
            tokenizer = AutoTokenizer.from_pretrained(where, revision=revision or "main", **NO_CODE)
            loaded: Any = T5_FAMILY.get(kind, T5EncoderModel).from_pretrained(
                where, revision=revision or "main", dtype=dtype, output_loading_info=True
            )
        except (OSError, ValueError, SafetensorError) as error:
            at = f" at revision '{revision}'" if revision else ""
            raise EllaError(f"The T5 text encoder could not be loaded from '{source}'{at}: {error}") from error
        model, report = loaded
        if missing := sorted(report["missing_keys"]):
            raise EllaError(
                f"'{source}' holds no whole T5 encoder: {len(missing)} weights are missing, such as {missing[0]}."
            )
        cast_whole(model, dtype)
        return cls(tokenizer, model, options or DEFAULT_OPTIONS)

    @torch.no_grad()
    def encode(self, inputs: Sequence[TextInput], *, device: torch.device | str) -> TextFeatures:
        """Encode prompts in one batch; each comes out as it would alone, whatever its length and its neighbours'."""
        token_ids = [self._token_ids(text) for text in inputs]
        tokens = torch.tensor([len(ids) for ids in token_ids])
        fixed = self.options.tokens
        shown = torch.tensor(
            [fixed if text.length == "fixed" else len(ids) for text, ids in zip(inputs, token_ids, strict=True)]
        )
        positions = torch.arange(int(shown.max()))
        input_ids = torch.full((len(inputs), len(positions)), self.tokenizer.pad_token_id)
        for row, ids in zip(input_ids, token_ids, strict=True):
            row[: len(ids)] = torch.tensor(ids)
        attention_mask = positions < tokens[:, None]
        visible = positions < shown[:, None]
        states = hidden_states(self.model, input_ids.to(device), attention_mask.long().to(device), self.options)
        return TextFeatures(states, None if bool(visible.all()) else visible.to(device))

    def _token_ids(self, text: TextInput) -> list[int]:
        fixed = text.length == "fixed"
        ids: list[int] = self.tokenizer(
            self.options.template.replace(PROMPT_PLACE, text.text),
            truncation=fixed,
            max_length=self.options.tokens if fixed else None,
        ).input_ids
        return ids
