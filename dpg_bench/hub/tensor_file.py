"""Files of tensors as `torch.save` writes them, read so that nothing in them can run."""

from __future__ import annotations

import pickle
import re
import warnings
import zipfile
from pathlib import Path
from typing import Any

from dpg_bench.errors import BadInputError


def read_tensor_file(path: Path, *, remedy: str) -> Any:
    """What the file holds, its tensors on the CPU and mapped where its form allows; `remedy` says what to do instead.

    Raises BadInputError if the file is missing, damaged, or a pickle of anything but tensors and plain values.
    """
    import torch

    if not path.is_file():
        raise BadInputError(f"{path} is missing: the checkpoint folder must hold its weights.")
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected pickle protocol", UserWarning)
            return torch.load(path, map_location="cpu", weights_only=True, mmap=zipfile.is_zipfile(path))
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
