"""Frozen text encoders: prompts → features for the connector."""

from ella_models.text_encoder.base import (
    FIXED_TOKENS,
    LENGTHS,
    Length,
    TextEncoder,
    TextFeatures,
    TextInput,
    TextOptions,
    cast_whole,
    check_width,
)
from ella_models.text_encoder.decoder import DecoderTextEncoder
from ella_models.text_encoder.loading import load_text_encoder, text_encoder_of
from ella_models.text_encoder.t5 import RELEASED_TEXT_ENCODER, T5TextEncoder

__all__ = [
    "FIXED_TOKENS",
    "LENGTHS",
    "RELEASED_TEXT_ENCODER",
    "DecoderTextEncoder",
    "Length",
    "T5TextEncoder",
    "TextEncoder",
    "TextFeatures",
    "TextInput",
    "TextOptions",
    "cast_whole",
    "check_width",
    "load_text_encoder",
    "text_encoder_of",
]
