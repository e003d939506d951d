"""What a generator is, and how one is named: the extension point behind `dpgbench run --model`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, Protocol

from dpg_bench.plugins import OptionsT, OptionsT_co, nothing

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class ImageRequest:
    """One image to make: its prompt and the seed of the CPU generator that its noise starts from (0 to 2⁶³ - 1)."""

    prompt: str
    seed: int


@dataclass(frozen=True, slots=True)
class TextLimit:
    """How many tokens of a prompt a text encoder reads; `count` says how many one has."""

    encoder: str
    tokens: int
    count: Callable[[str], int]


class Generator(Protocol):
    """Makes images from prompts. An image depends on its own request alone, never on the others of the batch.

    It may have `text_limits`, a sequence of `TextLimit`: prompts that are longer are then counted and recorded. One
    whose images are dear may have `keep_in(folder)`, told once where single images can be kept, and `forget(requests)`,
    told of every item that is on disk.
    """

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What is recorded of it in `run.json`: repositories, resolved commits, weight digests, sampler settings."""
        ...

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        """One RGB image per request, in order, made as one batch.

        Requests of one prompt stand together. Raises torch.OutOfMemoryError if the batch doesn't fit.
        """
        ...


@dataclass(frozen=True, slots=True)
class GenerationDefaults:
    """What `run` uses where the user says nothing; `None` leaves the choice to the pipeline itself."""

    size: int | None
    steps: int | None
    guidance: float | None


@dataclass(frozen=True, slots=True)
class GeneratorSettings(Generic[OptionsT_co]):
    """Everything that decides an image besides prompt and seed, resolved: no `auto` is left."""

    model: str
    options: OptionsT_co
    size: int | None
    steps: int | None
    guidance: float | None
    device: str
    dtype: str
    negative_prompt: str | None = None
    compiled_batch: int | None = None
    """Batches of exactly this many images go through a compiled U-Net, in models that know the option `compile`."""


@dataclass(frozen=True, slots=True)
class MemoryNeed:
    """What a model takes of a GPU's memory, in values of the run's precision: its weights, and at most what each
    image of a batch adds at 512 px.
    """

    parameters: int
    values_per_image: int


@dataclass(frozen=True, slots=True)
class Download:
    """Something a model takes from the Hugging Face Hub: what, where, at which revision, and how large (0: unknown)."""

    what: str
    repository: str
    revision: str
    gigabytes: float

    def __str__(self) -> str:
        """In words: `the T5 encoder: OWNER/NAME@REVISION, about 4.9 GB`."""
        size = f", about {self.gigabytes:g} GB" if self.gigabytes else ""
        return f"{self.what}: {self.repository}@{self.revision}{size}"


@dataclass(frozen=True, slots=True)
class ModelSpec(Generic[OptionsT]):
    """A model that `--model` can name.

    `options` is the type of its options, which are read once and then handed to the rest as they are. `load` builds
    the generator, `validate` checks the settings without loading weights (raising BadInputError), `fetch` downloads
    and verifies its weights ahead of time. `notes` say where each default comes from, `untrained` that the
    weights are random, so that scores mean nothing; `made_for` is the one suite that it was trained for, if other
    prompts mean nothing to it. `memory`, if known, sets the batch size. `takes_negative_prompt`
    says that the settings' negative prompt is heeded; without, one is refused. `pending` gives those of the downloads
    that the options need and this machine lacks; without, it's all of them. `remote` says that it draws elsewhere, so
    that device and precision are nothing to choose here; `batch_size` then says how many images are under way at once.
    """

    name: str
    summary: str
    defaults: GenerationDefaults
    options: type[OptionsT]
    load: Callable[[GeneratorSettings[OptionsT]], Generator]
    validate: Callable[[GeneratorSettings[OptionsT]], None] = nothing
    fetch: Callable[[OptionsT], None] = nothing
    downloads: tuple[Download, ...] = ()
    notes: tuple[str, ...] = field(default=())
    gpu_dtype: str = "float16"
    untrained: bool = False
    made_for: str | None = None
    memory: MemoryNeed | None = None
    takes_negative_prompt: bool = False
    pending: Callable[[OptionsT], tuple[Download, ...]] | None = None
    remote: bool = False
    batch_size: Callable[[OptionsT], int] | None = None

    def still_to_download(self, options: OptionsT) -> tuple[Download, ...]:
        """What a run with these options would download first."""
        return self.downloads if self.pending is None else self.pending(options)
