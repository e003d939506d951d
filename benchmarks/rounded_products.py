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


class TruncatedProducts(TorchFunctionMode):
    """`--dtype tf32`: linear layers, `@` and attention multiply truncated operands."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if func is functional.linear:
            rows, weight, *bias = args
            return func(first_bits(rows), first_bits(weight), *bias, **named)
        if func is functional.scaled_dot_product_attention:
            return _attention(*args, **named)
        if func in (torch.Tensor.__matmul__, torch.matmul):
            return func(*map(first_bits, args), **named)
        if func in (torch.bmm, torch.mm, torch.addmm, torch.einsum, functional.conv2d):
            raise NotImplementedError(f"{func} multiplies matrices and is not truncated")
        return func(*args, **named)


class TruncatedAddmm(TorchFunctionMode):
    """`--dtype tf32x3`: the three products that stand for one multiply truncated operands, and all others whole ones."""

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        if func is torch.addmm:
            summand, rows, weight = args
            return func(summand, first_bits(rows), first_bits(weight), **(kwargs or {}))
        return func(*args, **(kwargs or {}))


def _attention(queries: Tensor, keys: Tensor, values: Tensor, attn_mask: Tensor | None = None) -> Tensor:
    scores = (first_bits(queries) @ first_bits(keys).transpose(-1, -2)) * queries.shape[-1] ** -0.5
    if attn_mask is not None:
        scores = scores.masked_fill(~attn_mask, float("-inf"))
    return first_bits(scores.softmax(-1)) @ first_bits(values)
