"""The precision the judge computes in: what of it may be rounded, and what never leaves float32.

Rounded, in half precision, are the operands and results of the linear layers and of attention's products, as a tensor
core takes them: it adds up in float32. The residual stream between them, LayerNorm, softmax, embeddings, the
projection to the vocabulary and the log-probabilities stay in float32, so that rounding doesn't add up from layer to
layer. `tf32` keeps every number in float32, and an NVIDIA GPU rounds a product's operands to TF32's 10 bits.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn
from torch.nn import functional

from dpg_bench.device import TF32, torch_dtype


class Linear(nn.Linear):
    """A linear layer that takes its input in its weights' precision, half if the judge runs in half precision."""

    def forward(self, rows: Tensor) -> Tensor:
        """(…, inputs) in any precision → (…, outputs) in the weights'."""
        return functional.linear(rows.to(self.weight.dtype), self.weight, self.bias)


def weights_dtype(precision: str) -> torch.dtype:
    """The dtype of the linear layers' weights."""
    return torch.float32 if precision == TF32 else torch_dtype(precision)


@contextmanager
def products(precision: str) -> Iterator[None]:
    """Within, matrix products are computed as `precision` says, whatever the process had chosen.

    float32 is float32 throughout, and half precision adds up in float32 even where a product is split.
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
