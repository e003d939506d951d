"""An autoencoder in another precision than the U-Net, as many keep it: in float32 beside a U-Net in half precision."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch


@contextmanager
def vae_in_its_own_precision(vae: Any, dtype: torch.dtype) -> Iterator[None]:
    """Within, the autoencoder takes images and latents of `dtype`, computes in its own, and encodes to `dtype`."""
    if vae is None or vae.dtype == dtype:
        yield
        return
    own = vae.dtype

    def take(_: Any, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (inputs[0].to(own), *inputs[1:])

    def give(_: Any, __: Any, output: torch.Tensor) -> torch.Tensor:
        return output.to(dtype)

    # the first and last layers of encoding and decoding; not all autoencoders have the convolutions between
    last_encoding = getattr(vae, "quant_conv", None) or vae.encoder
    first_decoding = getattr(vae, "post_quant_conv", None) or vae.decoder
    handles = [
        vae.encoder.register_forward_pre_hook(take),
        last_encoding.register_forward_hook(give),
        first_decoding.register_forward_pre_hook(take),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
