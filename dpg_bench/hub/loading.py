"""Loading with diffusers and transformers, and one clear error when the weights aren't right."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpg_bench.errors import BadInputError, DpgBenchError
from dpg_bench.hub.huggingface import read_model_index

if TYPE_CHECKING:
    import torch


@contextmanager
def load_errors(what: str, where: str) -> Iterator[None]:
    """Turn whatever a library raises about damaged or foreign weights into a BadInputError that names them."""
    from safetensors import SafetensorError

    try:
        yield
    except DpgBenchError:
        raise
    except ModuleNotFoundError as error:
        raise BadInputError(f"{what} from {where} needs a package that is not installed: {error}") from error
    except (
        OSError,
        ValueError,
        TypeError,
        KeyError,
        AttributeError,
        NotImplementedError,
        ImportError,
        SafetensorError,
        pickle.UnpicklingError,
    ) as error:
        raise _unreadable(what, where, error) from error
    except RuntimeError as error:
        import torch

        if isinstance(error, torch.OutOfMemoryError):
            raise
        raise _unreadable(what, where, error) from error


def load_transformers_parts(folder: Path, dtype: torch.dtype) -> dict[str, Any]:
    """The transformers models of a diffusers folder, by component name, in `dtype`.

    transformers fills weights that a file lacks with random ones and only logs it; here that is an error.
    Raises BadInputError naming such weights.
    """
    import transformers

    parts: dict[str, Any] = {}
    for component, entry in read_model_index(folder).items():
        if not isinstance(entry, list) or entry[0] != "transformers":
            continue
        model_class = getattr(transformers, entry[1], None)
        if not (isinstance(model_class, type) and issubclass(model_class, transformers.PreTrainedModel)):
            continue
        loaded: Any = model_class.from_pretrained(folder / component, dtype=dtype, output_loading_info=True)
        parts[component], found = loaded
        if found["missing_keys"]:
            missing = sorted(found["missing_keys"])
            raise BadInputError(
                f"{folder / component} holds no complete {entry[1]}: {len(missing)} weights are missing, "
                f"such as {', '.join(missing[:3])}."
            )
    return parts


def _unreadable(what: str, where: str, error: Exception) -> BadInputError:
    cause = " ".join(str(error).split())
    shown = cause if len(cause) <= 400 else f"{cause[:400]}…"
    return BadInputError(
        f"{where} can't be loaded as {what}: {shown or type(error).__name__} ({type(error).__name__}). "
        "The weights are damaged, incomplete, or of another architecture."
    )
