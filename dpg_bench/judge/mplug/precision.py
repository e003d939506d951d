"""The precision the judge computes in: what of it may be rounded, and what never leaves float32.

In half precision, the operands and results of the linear layers and of attention's products are rounded, and added up
in float32, as a tensor core does. The residual stream between them, LayerNorm, softmax, embeddings, the projection to
the vocabulary and the log-probabilities stay in float32, so that rounding doesn't add up from layer to layer.

`tf32` keeps every number in float32, and the GPU gives a product's operands 10 bits of mantissa. `tf32x3` makes three
such products of each in the linear layers: with x₁ the first 10 bits of x and x₂ the rest, xw is x₁w₁ + x₁w₂ + x₂w₁
but for x₂w₂, which is about as small as float32's own rounding. Everything else is float32 then. Source: the correction
of Markidis et al., arXiv 1803.04014, section V; for TF32, Ootomo and Yokota, arXiv 2203.03341.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpg_bench.device import TF32, TF32X3, torch_dtype

_FIRST_BITS = ~0x1FFF
"""Sign, exponent and the first 10 of 23 bits of mantissa."""


class Linear(nn.Linear):
    """A linear layer that takes its input in its weights' precision, half if the judge runs in half precision."""

    second: Tensor | None = None
    """What `split` took from the weights."""

    def split(self) -> None:
        """Compute in three TF32 products from now on."""
        whole = self.weight.detach()
        first = first_bits(whole)
        self.second = whole - first
        self.weight = nn.Parameter(first, requires_grad=False)

    def forward(self, rows: Tensor) -> Tensor:
        """(…, inputs) in any precision → (…, outputs) in the weights'."""
        if self.second is None:
            return functional.linear(rows.to(self.weight.dtype), self.weight, self.bias)
        flat = rows.flatten(0, -2)
        first = first_bits(flat)
        with products(TF32):
            out = torch.addmm(self.bias, flat - first, self.weight.T)
            out = torch.addmm(out, first, self.second.T)
            out = torch.addmm(out, first, self.weight.T)
        return out.reshape(*rows.shape[:-1], -1)


def first_bits(numbers: Tensor) -> Tensor:
    """float32 (…) with all but the first 10 bits of mantissa cut off, which TF32 holds exactly."""
    return (numbers.contiguous().view(torch.int32) & _FIRST_BITS).view(torch.float32)


def weights_dtype(precision: str) -> torch.dtype:
    """The dtype of the linear layers' weights."""
    return torch.float32 if precision in (TF32, TF32X3) else torch_dtype(precision)


@contextmanager
def products(precision: str) -> Iterator[None]:
    """Within, matrix products are computed as `precision` says, whatever the process had chosen.

    float32 is float32 throughout, and half precision adds up in float32 even where a GPU divides a product.
    """
    matmul = torch.backends.cuda.matmul
    chosen = torch.get_float32_matmul_precision()
    reduced = matmul.allow_fp16_reduced_precision_reduction, matmul.allow_bf16_reduced_precision_reduction
    torch.set_float32_matmul_precision("high" if precision == TF32 else "highest")
    matmul.allow_fp16_reduced_precision_reduction = matmul.allow_bf16_reduced_precision_reduction = False
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(chosen)
        matmul.allow_fp16_reduced_precision_reduction, matmul.allow_bf16_reduced_precision_reduction = reduced
