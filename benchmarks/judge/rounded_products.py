"""TF32 without a GPU: the operands of matrix products cut to 10 bits of mantissa, everything else in float32.

A tensor core takes float32 operands so. Hardware rounds or truncates them, depending on the kernel; here they are
truncated, which is the coarser of the two. How it rounds its sums is not imitated.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

from dpg_bench.judge.mplug.precision import first_bits

_OPERANDS: Mapping[Callable[..., Any], tuple[int, int]] = {
    functional.linear: (0, 1),
    functional.conv2d: (0, 1),
    torch.Tensor.__matmul__: (0, 1),
    torch.matmul: (0, 1),
    torch.mm: (0, 1),
    torch.bmm: (0, 1),
    torch.addmm: (1, 2),
    torch.einsum: (1, 2),
}
"""PyTorch's products, and which of their arguments are multiplied."""


class TruncatedProducts(TorchFunctionMode):
    """Matrix products multiply truncated operands: `--dtype tf32`.

    With `addmm_only` those of `torch.addmm` alone do, which are the three that stand for one: `--dtype tf32x3`.
    """

    def __init__(self, *, addmm_only: bool = False) -> None:
        super().__init__()
        self._addmm_only = addmm_only

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if func is torch.addmm or not self._addmm_only:
            if func is functional.scaled_dot_product_attention:
                return _attention(*args, **named)
            places = _OPERANDS.get(func, ())
            args = [first_bits(argument) if place in places else argument for place, argument in enumerate(args)]
        return func(*args, **named)


def _attention(queries: Tensor, keys: Tensor, values: Tensor, attn_mask: Tensor | None = None) -> Tensor:
    scores = (first_bits(queries) @ first_bits(keys).transpose(-1, -2)) * queries.shape[-1] ** -0.5
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, float("-inf"))
    return first_bits(scores.softmax(-1)) @ first_bits(values)
