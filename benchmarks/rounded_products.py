"""TF32 without a GPU: the operands of every matrix product cut to 10 bits of mantissa, everything else in float32.

A tensor core takes float32 operands so, and adds up in float32. Hardware rounds or truncates them, depending on the
kernel; here they are truncated, which is the coarser of the two.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode

_DROPPED_BITS = 13  # of float32's 23


class TruncatedProducts(TorchFunctionMode):
    """Within, linear layers, `@` and attention multiply truncated operands."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if func is functional.linear:
            rows, weight, *bias = args
            return func(_truncated(rows), _truncated(weight), *bias, **named)
        if func is functional.scaled_dot_product_attention:
            return _attention(*args, **named)
        if func in (torch.Tensor.__matmul__, torch.matmul):
            return func(*map(_truncated, args), **named)
        if func in (torch.bmm, torch.mm, torch.addmm, torch.einsum, functional.conv2d):
            raise NotImplementedError(f"{func} multiplies matrices and is not truncated")
        return func(*args, **named)


def _attention(queries: Tensor, keys: Tensor, values: Tensor, attn_mask: Tensor | None = None) -> Tensor:
    scores = (_truncated(queries) @ _truncated(keys).transpose(-1, -2)) * queries.shape[-1] ** -0.5
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, float("-inf"))
    return _truncated(scores.softmax(-1)) @ _truncated(values)


def _truncated(operand: Tensor) -> Tensor:
    bits = operand.contiguous().view(torch.int32)
    return (bits >> _DROPPED_BITS << _DROPPED_BITS).view(torch.float32)
