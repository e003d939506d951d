"""ELLA's own parts of a pipeline, from what a user names or gives, in the precision of the rest."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ella_models.connector import EllaConnector
from ella_models.errors import EllaError
from ella_models.text_encoder import (
    RELEASED_TEXT_ENCODER,
    DecoderTextEncoder,
    T5TextEncoder,
    TextEncoder,
    TextOptions,
    load_text_encoder,
    text_encoder_of,
)
from ella_models.weights import RELEASED_REPOSITORY, load_connector

Source = str | os.PathLike[str]
Precision = torch.dtype | Mapping[str, torch.dtype] | str
"""One for all components, one for each by name (and `default`), or "auto": that of the checkpoint's U-Net."""

_STORED = {"F16": torch.float16, "BF16": torch.bfloat16, "F32": torch.float32}


def dtype_of(component: str, precision: Precision) -> torch.dtype:
    """The precision of one component, "auto" being resolved."""
    if isinstance(precision, torch.dtype):
        return precision
    if isinstance(precision, Mapping):
        return precision.get(component, precision.get("default", torch.float32))
    raise EllaError(f"dtype must be a torch.dtype, a dictionary of them by component, or 'auto', not {precision!r}.")


def stored_dtype(file: Path) -> torch.dtype:
    """The precision of a checkpoint's first U-Net weight.

    Raises EllaError if that can't be read off the file.
    """
    if file.suffix == ".safetensors" and file.is_file():
        try:
            with safe_open(file, framework="pt") as tensors:
                keys = list(tensors.keys())
                unet = next((key for key in keys if key.startswith("model.diffusion_model.")), keys[0] if keys else "")
                stored = tensors.get_slice(unet).get_dtype()
        except (SafetensorError, OSError) as error:
            raise EllaError(f"'{file}' is no complete safetensors file: {error}. Download it again.") from error
        if stored in _STORED:
            return _STORED[stored]
    raise EllaError(f"dtype='auto' reads the precision off a .safetensors file, and '{file}' says none: name a dtype.")


def ella_parts(
    ella: Source | EllaConnector | None,
    text_encoder: Source | TextEncoder | PreTrainedModel | None,
    tokenizer: PreTrainedTokenizerBase | None,
    *,
    ella_revision: str | None,
    text_encoder_revision: str | None,
    precision: Precision,
) -> dict[str, Any]:
    """Connector, text encoder and tokenizer; loaded, or as they were given, the connector cast to its precision.

    Raises EllaError if one is missing, broken or can't be found.
    """
    if ella is None or text_encoder is None:
        missing, example = ("ella", RELEASED_REPOSITORY) if ella is None else ("text_encoder", RELEASED_TEXT_ENCODER)
        raise EllaError(f"ELLA needs both ella= and text_encoder=; {missing} was not given (released: '{example}').")
    dtype = dtype_of("connector", precision)
    if isinstance(ella, EllaConnector):
        connector = ella
        if ella.dtype != dtype:
            torch.nn.Module.to(ella, dtype)  # diffusers' own warns of layers to be kept in float32; there are none
    else:
        connector = load_connector(ella, revision=ella_revision, dtype=dtype)
    encoder: TextEncoder
    if isinstance(text_encoder, (T5TextEncoder, DecoderTextEncoder)):
        encoder = text_encoder
    elif isinstance(text_encoder, (str, os.PathLike)):
        encoder = load_text_encoder(
            text_encoder,
            revision=text_encoder_revision,
            dtype=dtype_of("text_encoder", precision),
            options=TextOptions.read(connector.text_options),
        )
    elif isinstance(text_encoder, PreTrainedModel) and tokenizer is not None:
        encoder = text_encoder_of(tokenizer, text_encoder, connector.text_options)
    else:
        raise EllaError("A text encoder that is given as a model needs its tokenizer: give tokenizer= as well.")
    if encoder.options.changed() != connector.text_options:
        raise EllaError(
            f"The text encoder reads prompts with {encoder.options.changed() or 'the default options'}, but the "
            f"connector was trained with {connector.text_options or 'the default ones'}: they must be the same."
        )
    return {"connector": connector, "text_encoder": encoder.model, "tokenizer": tokenizer or encoder.tokenizer}
