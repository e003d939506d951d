"""ELLA + CLIP: the tokens of CLIP's text encoder, which the U-Net reads after ELLA's own.

Axes: N images, R rows of a model's call, K tokens of CLIP (77 a chunk), L tokens of ELLA's condition, D width of both.

Source: ELLA's `model.py` and `inference.py` at 3c228f1 concatenate the two along the tokens. Texts longer than CLIP
reads go through it in chunks of 75 tokens with begin and end of their own, as the user interfaces of its community do.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ella_models.errors import EllaError


@dataclass(frozen=True, slots=True)
class ClipTokens:
    """What a model reads of CLIP: `tokens` (R, K, D); `visible` (R, K) bool, `None` if all of them are."""

    tokens: Tensor
    visible: Tensor | None

    def after(self, ella: Tensor) -> tuple[Tensor, Tensor | None]:
        """ELLA's tokens (R', L, D) and CLIP's of the last R' rows after them, with the attention mask if one is needed.

        Raises EllaError if CLIP's tokens are of another width.
        """
        rows = len(ella)
        if self.tokens.shape[-1] != ella.shape[-1]:
            raise EllaError(
                f"CLIP's tokens are {self.tokens.shape[-1]} wide and the connector's {ella.shape[-1]}: "
                "ELLA + CLIP needs the CLIP text encoder of the Stable Diffusion that the connector is for."
            )
        tokens = torch.cat([ella, self.tokens[-rows:].to(ella)], dim=1)
        if self.visible is None:
            return tokens, None
        return tokens, torch.nn.functional.pad(self.visible[-rows:], (ella.shape[1], 0), value=True)


def clip_chunks(tokenizer: Any, text: str, *, longest: int) -> list[list[int]]:
    """The token ids of a text in chunks of `longest`, each with begin and end and padded; at least one."""
    ids = tokenizer(text, add_special_tokens=False, verbose=False).input_ids
    begin, end, pad = tokenizer.bos_token_id, tokenizer.eos_token_id, tokenizer.pad_token_id
    chunks = [[begin, *ids[start : start + longest - 2], end] for start in range(0, max(len(ids), 1), longest - 2)]
    return [chunk + [pad] * (longest - len(chunk)) for chunk in chunks]


@torch.no_grad()
def encode_clip(
    encoder: Any, tokenizer: Any, texts: Sequence[str], *, device: torch.device | str, clip_skip: int | None = None
) -> list[Tensor]:
    """CLIP's tokens (K, D) of each text, as many chunks as it needs.

    `clip_skip` layers before the last are left out and the final layer norm is applied, as diffusers does.

    Raises EllaError if CLIP has not so many layers.
    """
    layers = encoder.config.num_hidden_layers
    if clip_skip is not None and not 0 <= clip_skip < layers:
        raise EllaError(f"clip_skip must be from 0 to {layers - 1} for a CLIP of {layers} layers, not {clip_skip}.")
    longest = min(tokenizer.model_max_length, encoder.config.max_position_embeddings)
    chunks = {text: clip_chunks(tokenizer, text, longest=longest) for text in dict.fromkeys(texts)}
    ids = torch.tensor([chunk for some in chunks.values() for chunk in some], device=device)
    output = encoder(ids, output_hidden_states=clip_skip is not None)
    states = output.last_hidden_state
    if clip_skip is not None:
        # before transformers 5 the layers of CLIP's text model were one module further in
        final_norm = getattr(encoder, "text_model", encoder).final_layer_norm
        states = final_norm(output.hidden_states[-(clip_skip + 1)])
    parts = states.split([len(some) for some in chunks.values()])
    encoded = {text: part.flatten(0, 1) for text, part in zip(chunks, parts, strict=True)}
    return [encoded[text] for text in texts]


def clip_tokens(
    encoder: Any,
    tokenizer: Any,
    prompts: Sequence[str],
    negatives: Sequence[str] | None,
    *,
    images: int = 1,
    device: torch.device | str,
    clip_skip: int | None = None,
) -> ClipTokens:
    """CLIP's tokens for the rows of a call with guidance (or without, for `None` as `negatives`), `images` a prompt.

    A prompt and its negative prompt get equally many chunks, the shorter one empty ones. Prompts of different numbers
    of chunks don't see each other's: what a row is too short for is masked.

    Raises EllaError as `encode_clip` does.
    """
    texts = [*(negatives or ()), *prompts, ""]
    *encoded, empty = encode_clip(encoder, tokenizer, texts, device=device, clip_skip=clip_skip)
    longest = [max(len(row) for row in encoded[index :: len(prompts)]) for index in range(len(prompts))]
    rows = [
        torch.cat([row, *[empty] * ((longest[index % len(prompts)] - len(row)) // len(empty))])
        for index, row in enumerate(encoded)
    ]
    tokens = torch.nn.utils.rnn.pad_sequence(rows, batch_first=True).repeat_interleave(images, dim=0)
    if len(set(longest)) == 1:
        return ClipTokens(tokens, None)
    lengths = torch.tensor([len(row) for row in rows], device=device).repeat_interleave(images)
    return ClipTokens(tokens, torch.arange(max(longest), device=device) < lengths[:, None])
