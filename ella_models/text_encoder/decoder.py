"""Decoder-only language models (TinyLlama, LLaMA-2 and others) as frozen text encoders.

Axes: P prompts, S text positions, C width of the model.

Source: ELLA, arXiv 2403.05135, table 5: the last hidden states, at most 128 tokens. Padding side, pad token, template,
begin token and precision are unpublished; here they are options, and the pad token is the tokenizer's own or, where it
has none (LLaMA), its end token.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import torch
from safetensors import SafetensorError
from torch import Tensor
from transformers import AutoModel, AutoTokenizer, PreTrainedModel, PreTrainedTokenizerBase

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


@dataclass(frozen=True, slots=True)
class DecoderTextEncoder:
    """A decoder-only language model, without its head, with its tokenizer.

    Raises EllaError if a begin token is asked for and the tokenizer has none.
    """

    tokenizer: PreTrainedTokenizerBase
    model: PreTrainedModel
    options: TextOptions = DEFAULT_OPTIONS

    def __post_init__(self) -> None:
        if self.options.begin_token and self.tokenizer.bos_token_id is None:
            raise EllaError("The text encoder's tokenizer has no begin token; leave begin_token out.")

    @property
    def width(self) -> int:
        """C, the width of the features."""
        width: int = self.model.config.get_text_config().hidden_size
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
        """Load model and tokenizer from a Hub repository or a folder, all parameters in `dtype`.

        Raises EllaError if they can't be loaded from there, or an encoder-decoder model is there.
        """
        where = os.fspath(source)
        try:
            config = read_config(where, revision=revision)
            if config.is_encoder_decoder:
                raise EllaError(
                    f"'{source}' is an encoder-decoder model ({config.model_type}); text encoders are the T5 family's "
                    "encoders and decoder-only models."
                )
            tokenizer = AutoTokenizer.from_pretrained(where, revision=revision or "main", **NO_CODE)
            loaded: Any = AutoModel.from_pretrained(
                where, revision=revision or "main", dtype=dtype, output_loading_info=True, **NO_CODE
            )
        except EllaError:
            raise
        except (OSError, ValueError, SafetensorError) as error:
            at = f" at revision '{revision}'" if revision else ""
            raise EllaError(f"The text encoder could not be loaded from '{source}'{at}: {error}") from error
        model, report = loaded
        if missing := sorted(report["missing_keys"]):
            raise EllaError(
                f"'{source}' holds no whole {config.model_type} model: {len(missing)} weights are missing, such as "
                f"{missing[0]}."
            )
        model.eval()
        cast_whole(model, dtype)
        return cls(tokenizer, model, options or DEFAULT_OPTIONS)

    @torch.no_grad()
    def encode(self, inputs: Sequence[TextInput], *, device: torch.device | str) -> TextFeatures:
        """Encode prompts; each comes out as it would alone, whatever its length and its neighbours'.

        Fixed and flexible lengths take a pass each, since what stands left of a prompt must not depend on the batch.
        """
        rows: list[Tensor | None] = [None] * len(inputs)
        for length in sorted({text.length for text in inputs}):
            chosen = [index for index, text in enumerate(inputs) if text.length == length]
            states = self._states([inputs[index].text for index in chosen], fixed=length == "fixed", device=device)
            for index, row in zip(chosen, states, strict=True):
                rows[index] = row
        whole = [row for row in rows if row is not None]
        lengths = torch.tensor([len(row) for row in whole])
        visible = torch.arange(int(lengths.max())) < lengths[:, None]
        padded = torch.nn.utils.rnn.pad_sequence(whole, batch_first=True)
        return TextFeatures(padded, None if bool(visible.all()) else visible.to(device))

    def _states(self, texts: list[str], *, fixed: bool, device: torch.device | str) -> list[Tensor]:
        token_ids = [self._token_ids(text) for text in texts]
        if fixed:
            token_ids = [ids[: self.options.tokens] for ids in token_ids]
        positions = self.options.tokens if fixed else max(len(ids) for ids in token_ids)
        left = fixed and self.options.padding_side == "left"
        input_ids = torch.full((len(texts), positions), self._pad_id())
        mask = torch.zeros_like(input_ids)
        for row, ids in enumerate(token_ids):
            place = slice(positions - len(ids), None) if left else slice(0, len(ids))
            input_ids[row, place] = torch.tensor(ids)
            mask[row, place] = 1
        states = hidden_states(self.model, input_ids.to(device), mask.to(device), self.options)
        return [row if fixed else row[: len(ids)] for row, ids in zip(states, token_ids, strict=True)]

    def _token_ids(self, text: str) -> list[int]:
        written = self.options.template.replace(PROMPT_PLACE, text)
        begin = self.options.begin_token
        ids: list[int] = self.tokenizer(written, add_special_tokens=begin is None).input_ids
        ids = [self.tokenizer.bos_token_id, *ids] if begin else ids
        # a model can't read nothing: the empty prompt without a begin token is one pad token
        return ids or [self._pad_id()]

    def _pad_id(self) -> int:
        known = (self.tokenizer.pad_token_id, self.tokenizer.eos_token_id, 0)
        return next(token for token in known if token is not None)
