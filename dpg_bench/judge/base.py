"""What a judge is, and how one is named: the extension point behind `dpgbench score --judge`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, Protocol

from dpg_bench.device import DTYPES, resolve_device, resolve_dtype
from dpg_bench.errors import BadInputError, option
from dpg_bench.plugins import OptionsT, OptionsT_co, nothing
from dpg_bench.records import Reply

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from PIL import Image


class Judge(Protocol):
    """Answers questions about images. An answer depends on its own image and question alone."""

    @property
    def fingerprint(self) -> str:
        """SHA-256 (hex) of all that can change an answer: weight digests, configuration, dtype, version of the code."""
        ...

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What is recorded of it in the scorecard: source, revision, weight digests, dtype, settings."""
        ...

    @property
    def preprocess(self) -> Callable[[Image.Image], NDArray[np.uint8]]:
        """Turns a tile into the judge's input, uint8 (height, width, 3).

        A picklable callable that needs no GPU and imports no torch, so that worker processes can run it.
        """
        ...

    def answer(self, pixels: Sequence[NDArray[np.uint8]], questions: Sequence[Sequence[str]]) -> list[list[Reply]]:
        """The replies to `questions[i]`, in order, about the preprocessed image `pixels[i]`.

        A reply that is `missing` is no answer, and asked for again next time. Raises torch.OutOfMemoryError if the
        batch doesn't fit, and UnavailableError if the judge can't be asked any more.
        """
        ...


def fingerprint_of(decisive: Mapping[str, Any]) -> str:
    """A judge's `fingerprint` from all that can change an answer, by name, in whatever order."""
    return hashlib.sha256(json.dumps(decisive, sort_keys=True).encode()).hexdigest()


def usage_of(judge: Judge) -> Mapping[str, float]:
    """What a judge's questions came to since it was loaded: numbers that add up, by name, such as tokens.

    A judge that counts them has them as its `usage`; they are empty for all others.
    """
    found = getattr(judge, "usage", None)
    return found if isinstance(found, Mapping) else {}


@dataclass(frozen=True, slots=True)
class JudgeSettings(Generic[OptionsT_co]):
    """Everything that decides an answer besides image and question, resolved: no `auto` is left."""

    judge: str
    options: OptionsT_co
    device: str
    dtype: str


def _own_name(settings: JudgeSettings[Any]) -> str:
    return settings.judge


def _no_gigabytes(_: object) -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class JudgeSpec(Generic[OptionsT]):
    """A judge that `--judge` can name.

    `options` is the type of its options, which are read once and then handed to the rest as they are. `load` builds
    the judge, `validate` checks the settings without loading weights (raising BadInputError), `fetch` downloads and
    verifies its weights ahead of time. `source` says where the weights come from, `untrained` that they are
    random, so that scores mean nothing. `remote` says that it computes elsewhere, so that device and precision are
    nothing to it. `dtypes` are the precisions that it knows, and `gpu_dtype` is what `auto` stands for on a GPU.
    `made_for` is the one suite that it was trained for; to others its answers mean nothing.
    `label` is what its scores are called by, which tells other weights than those of `source` apart, and `pending` the
    gigabytes that are still to be downloaded.
    """

    name: str
    summary: str
    source: str
    options: type[OptionsT]
    load: Callable[[JudgeSettings[OptionsT]], Judge]
    validate: Callable[[JudgeSettings[OptionsT]], None] = nothing
    fetch: Callable[[OptionsT], None] = nothing
    gigabytes: float = 0.0
    notes: tuple[str, ...] = ()
    dtypes: tuple[str, ...] = DTYPES
    gpu_dtype: str = "float32"
    untrained: bool = False
    made_for: str | None = None
    remote: bool = False
    label: Callable[[JudgeSettings[OptionsT]], str] = _own_name
    pending: Callable[[OptionsT], float] = _no_gigabytes


def resolve_settings(
    spec: JudgeSpec[OptionsT], options: Mapping[str, Any], *, device: str, dtype: str
) -> JudgeSettings[OptionsT]:
    """What a user asked of the judge, read and checked, with nothing left to `auto`.

    Raises BadInputError for options, a device or a precision that can't be, or that are nothing to the judge.
    """
    given = spec.options.read(spec.name, options)
    if spec.remote and (device, dtype) != ("auto", "auto"):
        raise BadInputError(
            f"{spec.name} computes elsewhere, so that {option('device')} and {option('dtype')} do nothing; "
            "leave them out."
        )
    chosen = "cpu" if spec.remote else resolve_device(device)
    precision = resolve_dtype(dtype, chosen, gpu_default=spec.gpu_dtype, known=spec.dtypes)
    settings = JudgeSettings(judge=spec.name, options=given, device=chosen, dtype=precision)
    spec.validate(settings)
    return settings
