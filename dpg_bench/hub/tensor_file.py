"""Files of tensors as `torch.save` writes them, read so that nothing in them can run."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from dpg_bench.errors import BadInputError

_LARGEST_PICKLE = 1 << 26
"""Bytes of the part of an archive that names its tensors, unpacked: some hundred for each of them."""


def read_tensor_file(path: Path, *, remedy: str) -> Any:
    """What the file holds, its tensors on the CPU and mapped where its form allows; `remedy` says what to do instead.

    Raises BadInputError if the file is missing, damaged, a pickle of anything but tensors and plain values, or holds
    tensors that are not all there.
    """
    import torch

    if not path.is_file():
        raise BadInputError(f"{path} is missing: the checkpoint folder must hold its weights.")
    try:
        archive = zipfile.is_zipfile(path)
        if archive and (size := _pickle_size(path)) > _LARGEST_PICKLE:
            raise BadInputError(f"{path} describes its tensors in {size} bytes; up to {_LARGEST_PICKLE} are read.")
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            content = torch.load(path, map_location="cpu", weights_only=True, mmap=archive)
        for name, tensor in _tensors(content):
            if tensor.layout != torch.strided or tensor.is_meta or tensor.is_quantized:
                raise BadInputError(f"{path}: '{name:.100}' is sparse, quantised or without values. {remedy}")
        return content
    except BadInputError:
        raise
    except pickle.UnpicklingError as error:
        refusal = re.search(r"Unsupported [^.]*", str(error))
        raise BadInputError(
            f"{path} is refused: it is no file of tensors alone, but damaged or a pickle whose reading could run code"
            f"{f' ({refusal[0]})' if refusal else ''}. {remedy}"
        ) from None
    except Exception as error:
        # torch's readers raise whatever damage leads them to: EOFError, KeyError, IndexError, struct.error, …
        raise BadInputError(
            f"{path} ({path.stat().st_size} bytes) is no complete PyTorch checkpoint "
            f"({type(error).__name__}: {' '.join(str(error).split()):.200}). Fetch it again."
        ) from error


def _pickle_size(path: Path) -> int:
    with zipfile.ZipFile(path) as archive:
        return max((part.file_size for part in archive.infolist() if part.filename.endswith(".pkl")), default=0)


def _tensors(content: Any) -> Iterator[tuple[str, Any]]:
    """The tensors of a mapping, and of those right in it."""
    import torch

    for name, value in content.items() if isinstance(content, dict) else ():
        for inner, part in value.items() if isinstance(value, dict) else ((name, value),):
            if isinstance(part, torch.Tensor):
                yield str(inner), part
