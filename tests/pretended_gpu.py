"""A GPU where there is none: tensors that say they are on `cuda:0`, and are computed on the CPU.

What it shows: that code puts every tensor where it belongs, and takes its branches for GPUs. An operation on tensors of
both devices fails as it would on a real one, and so does `.numpy()` on a GPU's tensor. What it can't show: anything
about a GPU's arithmetic, speed or memory.
"""

from __future__ import annotations

import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves, tree_map_only

GPU = torch.device("cuda", 0)
_CPU = torch.device("cpu")
_MOVES = {torch.ops.aten._to_copy.default, torch.ops.aten.copy_.default}
"""The operations that may see both devices."""
_BUILT_IN = (types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)
"""PyTorch's own functions and methods, many of which switch to the tensor's GPU before they reach a mode below."""


class GpuTensor(torch.Tensor):
    """A tensor on the pretended GPU, whose numbers are those of `held`, a CPU tensor."""

    held: Tensor

    @staticmethod
    def __new__(cls, held: Tensor) -> GpuTensor:
        made: GpuTensor = torch.Tensor._make_wrapper_subclass(
            cls, held.shape, strides=held.stride(), storage_offset=held.storage_offset(), dtype=held.dtype, device=GPU
        )
        made.held = held
        return made

    @classmethod
    def __torch_dispatch__(
        cls, func: Callable[..., Any], kinds: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _run(func, args, kwargs or {})


class _Operations(TorchDispatchMode):
    def __torch_dispatch__(
        self, func: Callable[..., Any], kinds: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        return _run(func, args, kwargs or {})


class _Functions(TorchFunctionMode):
    def __torch_function__(
        self, func: Callable[..., Any], kinds: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        named = kwargs or {}
        if func is torch.Tensor.to:
            return _moved(*args, **named)
        if func in (torch.Tensor.cpu, torch.Tensor.cuda):
            return _moved(args[0], "cpu" if func is torch.Tensor.cpu else "cuda")
        if func is torch.Tensor.numpy and isinstance(args[0], GpuTensor):
            raise TypeError("can't convert cuda:0 device type tensor to numpy")
        if func is torch._has_compatible_shallow_copy_type:
            return False  # a module's parameter is replaced when it moves
        if isinstance(func, _BUILT_IN):
            return _run(func, args, named)
        return func(*args, **named)


def _moved(tensor: Tensor, *args: Any, **kwargs: Any) -> Tensor:
    """`tensor.to(…)`."""
    wanted = {key: value for key, value in kwargs.items() if key != "copy"}
    device, dtype, _, memory_format = torch._C._nn._parse_to(*args, **wanted)
    held = tensor.held if isinstance(tensor, GpuTensor) else tensor
    target = device or tensor.device
    converted = held.to(
        device=_CPU if target.type == "cuda" else target,
        dtype=dtype or held.dtype,
        copy=kwargs.get("copy", False),
        memory_format=memory_format or torch.preserve_format,
    )
    if target.type != "cuda":
        return converted.clone() if isinstance(tensor, GpuTensor) and converted is held else converted
    if isinstance(tensor, GpuTensor):
        return tensor if converted is held else GpuTensor(converted)
    return GpuTensor(converted.clone() if converted is held else converted)


def _run(func: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
    on_gpu = [tensor for tensor in tensors if isinstance(tensor, GpuTensor)]
    # A real GPU takes single numbers from the CPU too.
    elsewhere = [tensor for tensor in tensors if not isinstance(tensor, GpuTensor) and tensor.dim() > 0]
    if on_gpu and elsewhere and func not in _MOVES:
        raise RuntimeError(
            f"{func}: expected all tensors to be on the same device, but some are on cuda:0, some on cpu"
        )

    target = GPU if on_gpu else _CPU
    named = dict(kwargs)
    if named.get("device") is not None:
        target = torch.device(named["device"])
        named["device"] = _CPU if target.type == "cuda" else target
    held_by = {id(tensor.held): tensor for tensor in on_gpu}
    plain_args, plain_named = tree_map_only(GpuTensor, lambda tensor: tensor.held, (args, named))
    if func is torch.ops.aten._to_copy.default and target.type == "cuda" and not on_gpu:
        plain_named = {**plain_named, "non_blocking": False}
    result = func(*plain_args, **plain_named)
    if target.type != "cuda":
        return result

    def place(tensor: Tensor) -> Tensor:
        return held_by[id(tensor)] if id(tensor) in held_by else GpuTensor(tensor)

    if func is torch.ops.aten.copy_.default and not isinstance(args[0], GpuTensor):
        return args[0]
    return tree_map_only(Tensor, place, result)


@contextmanager
def pretend(*, free_bytes: int = 16 * 2**30) -> Iterator[None]:
    """Within, this machine has one CUDA GPU of compute capability 9.0 with so much free memory."""
    cuda = {
        "is_available": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "_lazy_init": lambda: None,
        "get_device_capability": lambda *_: (9, 0),
        "get_device_name": lambda *_: "pretended GPU",
        "get_device_properties": lambda *_: SimpleNamespace(name="pretended GPU", total_memory=free_bytes),
        "mem_get_info": lambda *_: (free_bytes, free_bytes),
        "synchronize": lambda *_: None,
    }
    with pytest.MonkeyPatch.context() as patch, _Functions(), _Operations():
        for name, stand_in in cuda.items():
            patch.setattr(torch.cuda, name, stand_in)
        patch.setattr(torch, "inference_mode", torch.no_grad)  # which lets no views of wrapped tensors be made
        yield
