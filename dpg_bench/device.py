"""Which device and which precision `auto` stands for. Imports torch only when asked."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar, cast

from dpg_bench.errors import BadInputError, missing_package, option, unknown_name

if TYPE_CHECKING:
    import torch

_WorkerT = TypeVar("_WorkerT")

DTYPES = ("float32", "float16", "bfloat16")
TF32 = "tf32"
"""Float32, but the operands of matrix products with 10 bits of mantissa: a mode of NVIDIA GPUs from Ampere on."""
TF32X3 = "tf32x3"
"""Float32, the linear layers' products as three of TF32 that make up for what each of them drops."""


def resolve_device(requested: str) -> str:
    """`auto` → `cuda`, else `mps`, else `cpu`; anything else is checked and returned as it is.

    Raises BadInputError for a device that torch can't name or this machine does not have, DpgBenchError where torch is
    not installed.
    """
    try:
        import torch
    except ModuleNotFoundError as error:
        raise missing_package(error) from None

    if requested == "auto":
        if torch.cuda.is_available():
            return "cuda"
        return "mps" if torch.backends.mps.is_available() else "cpu"
    try:
        device = torch.device(requested)
    except RuntimeError:
        raise BadInputError(f"'{requested}' names no device; use auto, cpu, cuda, cuda:1 or mps.") from None
    if device.type != "cuda" and device.index is not None:  # torch takes cpu:7, which is no other
        raise BadInputError(f"'{requested}' names no device; use auto, cpu, cuda, cuda:1 or mps.")
    if device.type == "cuda":
        present = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if (device.index or 0) >= present:
            raise BadInputError(
                f"The device '{requested}' was asked for, but torch {torch.__version__} sees {present} CUDA GPUs here. "
                f"Use {option('device', 'auto')} or cpu, or install a CUDA build of torch (`dpgbench doctor` shows "
                "what is there)."
            )
    elif device.type == "mps" and not torch.backends.mps.is_available():
        raise BadInputError(
            f"The device 'mps' was asked for, but torch sees no Apple GPU here. Use {option('device', 'auto')} or cpu."
        )
    elif device.type not in ("cpu", "mps"):
        raise BadInputError(f"The device '{requested}' is not supported; use auto, cpu, cuda, cuda:1 or mps.")
    return requested


def spread_device(requested: str, index: int | None) -> str:
    """For process `index` of those on this machine: `auto` is the GPU that it gets where there are several.

    A launcher that shows each process a GPU of its own leaves nothing to choose.
    """
    if requested != "auto" or index is None:
        return requested
    import torch

    present = torch.cuda.device_count() if torch.cuda.is_available() else 0
    return f"cuda:{index % present}" if present > 1 else requested


def resolve_dtype(requested: str, device: str, *, gpu_default: str, known: Sequence[str] = DTYPES) -> str:
    """`auto` → `gpu_default` on a GPU and `float32` on a CPU, and where the default wants TF32 that isn't there.

    Raises BadInputError for a name that is none of `known`, and for tf32 or tf32x3 on a device without TF32.
    """
    if requested == "auto":
        if device == "cpu" or (gpu_default in (TF32, TF32X3) and not _has_tf32(device)):
            return "float32"
        return gpu_default
    if requested not in known:
        raise unknown_name("dtype", requested, ["auto", *known])
    if requested in (TF32, TF32X3) and not _has_tf32(device):
        raise BadInputError(
            f"The precision {requested} was asked for, but TF32 is a mode of NVIDIA GPUs from Ampere (2020) on, and "
            f"the device is '{device}'. Use {option('dtype', 'float32')}."
        )
    return requested


def _has_tf32(device: str) -> bool:
    """Whether this is an NVIDIA GPU of compute capability 8.0 or more (CUDA programming guide, "TF32")."""
    import torch

    if not device.startswith("cuda") or torch.version.hip is not None:
        return False
    return torch.cuda.get_device_capability(torch.device(device)) >= (8, 0)


def torch_dtype(name: str) -> torch.dtype:
    """The torch dtype of one of `DTYPES`."""
    import torch

    return {"float32": torch.float32, "float16": torch.float16, "bfloat16": torch.bfloat16}[name]


@contextmanager
def one_thread() -> Iterator[None]:
    """Holds torch to one CPU thread, and gives it back those it had."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)


def on_one_thread(worker: _WorkerT, method: str) -> _WorkerT:
    """`worker` with torch held to a single CPU thread while its `method` works; for toy models.

    More threads would only wait for each other, and round differently from machine to machine.
    """
    return cast("_WorkerT", _OnOneThread(worker, method))


class _OnOneThread:
    def __init__(self, worker: object, method: str) -> None:
        self._worker = worker
        self._method = method

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._worker, name)
        return one_thread()(found) if name == self._method else found
