"""Which encoder reads which model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ella_models.errors import EllaError
from ella_models.text_encoder.base import TextEncoder, TextOptions
from ella_models.text_encoder.decoder import DecoderTextEncoder
from ella_models.text_encoder.strangers import read_config
from ella_models.text_encoder.t5 import T5_FAMILY, T5TextEncoder


def text_encoder_of(
    tokenizer: PreTrainedTokenizerBase, model: PreTrainedModel, options: Mapping[str, Any] | None = None
) -> TextEncoder:
    """The encoder around a loaded model; `options` as a connector records them (`connector.config.text_options`)."""
    kind = T5TextEncoder if model.config.model_type in T5_FAMILY else DecoderTextEncoder
    return kind(tokenizer, model, TextOptions.read(options))


def load_text_encoder(
    source: str | os.PathLike[str],
    *,
    revision: str | None = None,
    dtype: torch.dtype = torch.float32,
    options: TextOptions | None = None,
) -> TextEncoder:
    """Load a T5 encoder or a decoder-only model from a Hub repository or a folder, all parameters in `dtype`.

    Raises EllaError if it can't be loaded from there, or is neither.
    """
    where = os.fspath(source)
    if Path(where).is_absolute() and not Path(where).is_dir():
        raise EllaError(f"There is no folder '{where}' to load the text encoder from.")
    try:
        config = read_config(where, revision=revision)
    except (OSError, ValueError) as error:
        at = f" at revision '{revision}'" if revision else ""
        raise EllaError(f"The text encoder could not be loaded from '{source}'{at}: {error}") from error
    kind = T5TextEncoder if config.model_type in T5_FAMILY else DecoderTextEncoder
    return kind.from_pretrained(source, revision=revision, dtype=dtype, options=options)
