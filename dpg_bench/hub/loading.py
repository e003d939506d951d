"""Loading with diffusers and transformers, and one clear error when the weights aren't right."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpg_bench.errors import BadInputError, DpgBenchError, panics_told
from dpg_bench.halving import is_out_of_memory
from dpg_bench.hub.huggingface import Weights, read_model_index
from dpg_bench.hub.stated import check_stated
from dpg_bench.hub.weights import weight_files

if TYPE_CHECKING:
    import torch


@contextmanager
def load_errors(what: str, *weights: Weights) -> Iterator[None]:
    """For loading by a library: its files are looked at first (`check_stated`), and what it raises names `weights`.

    Raises BadInputError for damaged or foreign weights.
    """
    where = ", ".join(dict.fromkeys(one.source for one in weights))
    for one in weights:
        check_stated(one)
    try:
        with panics_told():
            yield
    except DpgBenchError:
        raise
    except ModuleNotFoundError as error:
        raise BadInputError(f"{what} from {where} needs a package that is not installed: {error}") from error
    except Exception as error:
        if is_out_of_memory(error):
            raise
        raise _unreadable(what, where, error) from error


def load_parts(
    folder: Path, dtype: torch.dtype, *, variant: str | None = None, without: Container[str] = ()
) -> dict[str, Any]:
    """The models of a diffusers folder, by component name, in `dtype`; each in the variant that is there.

    Raises BadInputError naming weights that a file lacks, and for components without any.
    """
    import diffusers
    import transformers

    homes = {
        "transformers": (transformers, transformers.PreTrainedModel),
        "diffusers": (diffusers, diffusers.ModelMixin),
    }
    parts: dict[str, Any] = {}
    for component, entry in read_model_index(folder).items():
        if component in without or not isinstance(entry, list) or len(entry) != 2 or entry[0] not in homes:
            continue
        home, kind = homes[entry[0]]
        model_class: Any = getattr(home, str(entry[1]), None)
        if not _is_model(model_class, kind):
            continue
        files = weight_files(folder / component, variant=variant)
        if files is None:
            raise BadInputError(f"{folder / component} holds no weights of a {entry[1]}.")
        loaded: Any = model_class.from_pretrained(
            folder / component,
            dtype=dtype,
            variant=files.variant,
            use_safetensors=any(name.endswith("safetensors") for name in files.names),
            output_loading_info=True,
            local_files_only=True,
        )
        parts[component], found = loaded
        check_complete(found, entry[1], folder / component)
    return parts


def check_complete(found: Mapping[str, Any], what: str, where: object) -> None:
    """Look at what a library gives beside a model that it loads with `output_loading_info`.

    It fills weights that a file lacks with random ones, and only logs it. Raises BadInputError, naming such weights.
    """
    if missing := sorted(found["missing_keys"]):
        raise BadInputError(
            f"{where} holds no complete {what}: {len(missing)} weights are missing, such as {', '.join(missing[:3])}."
        )


def _is_model(found: Any, kind: type) -> bool:
    return isinstance(found, type) and issubclass(found, kind)


def _unreadable(what: str, where: str, error: Exception) -> BadInputError:
    cause = " ".join(str(error).split())
    if "trust_remote_code" in cause:
        return BadInputError(f"{where} can't be loaded as {what}: it brings code of its own, which is never run.")
    shown = cause if len(cause) <= 400 else f"{cause[:400]}…"
    return BadInputError(
        f"{where} can't be loaded as {what}: {shown or type(error).__name__} ({type(error).__name__}). "
        "The weights are damaged, incomplete, or of another architecture."
    )
