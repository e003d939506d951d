"""A judge for images that lie in memory: PIL images, arrays and tensors, and questions, to replies.

Letters: H height, W width, C channels (1, 3 or 4).
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
from PIL import Image

from dpg_bench.errors import BadInputError
from dpg_bench.judge.base import Judge, JudgeSpec, resolve_settings, usage_of
from dpg_bench.judge.registry import find_judge
from dpg_bench.plugins import NoOptions
from dpg_bench.records import Reply

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    ImageLike: TypeAlias = Image.Image | NDArray[Any] | torch.Tensor
    """A PIL image; an array (H, W) or (H, W, C), or a tensor (C, H, W): uint8 from 0 to 255, or floats from 0 to 1."""


@dataclass(frozen=True, slots=True)
class LoadedJudge:
    """A judge with its weights in memory, and the name it goes by in a scorecard.

    It is a `Judge` itself. `device` is where it computes; `untrained` says that its weights are random, so that its
    answers mean nothing.

    >>> import dpg_bench as dpg
    >>> from PIL import Image
    >>> judge = dpg.load_judge("tiny-mplug")
    >>> type(judge).__name__, judge.name, judge.untrained
    ('LoadedJudge', 'tiny-mplug', True)
    >>> [reply.text in ("yes", "no", "two", "red") for reply in judge(Image.new("RGB", (64, 64)), ["Is it a car?"])]
    [True]
    """

    name: str
    judge: Judge
    device: str = "cpu"
    untrained: bool = False

    def __call__(self, image: ImageLike, questions: Sequence[str]) -> list[Reply]:
        """The replies to `questions` about one image, in order.

        Raises BadInputError for something that is no image (`as_image`), and for a single text in place of questions.
        """
        if isinstance(questions, str):
            raise BadInputError(f"The questions are the text {questions!r:.80}; give a list: [{questions!r:.80}].")
        return self.answer([self.preprocess(as_image(image))], [list(questions)])[0]

    @property
    def fingerprint(self) -> str:
        """The judge's own."""
        return self.judge.fingerprint

    @property
    def provenance(self) -> Mapping[str, Any]:
        """The judge's own."""
        return self.judge.provenance

    @property
    def preprocess(self) -> Callable[[Image.Image], NDArray[np.uint8]]:
        """The judge's own."""
        return self.judge.preprocess

    @property
    def usage(self) -> Mapping[str, float]:
        """What its questions came to, if it counts that."""
        return usage_of(self.judge)

    def answer(self, pixels: Sequence[NDArray[np.uint8]], questions: Sequence[Sequence[str]]) -> list[list[Reply]]:
        """The judge's replies."""
        return self.judge.answer(pixels, questions)


def as_judge_spec(judge: str | JudgeSpec[Any] | LoadedJudge) -> JudgeSpec[Any]:
    """What `judge` stands for: a name, a spec of one's own, or a judge that is loaded already.

    Raises BadInputError for a name that nobody knows.
    """
    if isinstance(judge, JudgeSpec):
        return judge
    if isinstance(judge, str):
        return find_judge(judge)
    return JudgeSpec(
        name=judge.name,
        summary="loaded in memory",
        source="a judge in memory",
        options=NoOptions,
        load=lambda _: judge,
        untrained=judge.untrained,
    )


def load_judge(
    name: str = "mplug",
    *,
    options: Mapping[str, Any] | None = None,
    device: str = "auto",
    dtype: str = "auto",
) -> LoadedJudge:
    """A judge by the name that `dpgbench judges` lists, downloaded and verified if its weights aren't here yet.

    `options` are those of `-J key=value`, such as `{"path": "folder"}`; `device` and `dtype` those of `dpgbench score`.

    Raises BadInputError for an unknown name, option, device or precision, and UnavailableError if the weights can't be
    downloaded.

    >>> import dpg_bench as dpg
    >>> judge = dpg.load_judge("tiny-mplug", device="cpu")
    >>> judge.device
    'cpu'
    """
    spec = find_judge(name)
    settings = resolve_settings(spec, options or {}, device=device, dtype=dtype)
    return LoadedJudge(spec.name, spec.load(settings), device=settings.device, untrained=spec.untrained)


def as_image(image: ImageLike) -> Image.Image:
    """`image` as a PIL image in RGB; transparency is laid on black, as the official script's conversion does.

    Raises BadInputError if it is none, has another shape, or floats outside 0 to 1.
    """
    if isinstance(image, Image.Image):
        return image.convert("RGB")
    if "torch" in sys.modules:
        import torch

        if isinstance(image, torch.Tensor):
            tensor = image.detach().permute(1, 2, 0) if image.ndim == 3 else image.detach()
            tensor = tensor.float() if tensor.is_floating_point() else tensor  # NumPy has no bfloat16
            return _from_array(tensor.cpu().numpy(), "a tensor (channels, height, width)")
    if isinstance(image, np.ndarray):
        return _from_array(image, "an array (height, width) or (height, width, channels)")
    raise BadInputError(f"{type(image).__name__} is no image; give a PIL image, a NumPy array or a torch tensor.")


def _from_array(array: NDArray[Any], wanted: str) -> Image.Image:
    shape = array.shape
    if array.ndim == 3 and shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or 0 in shape:
        raise BadInputError(f"An image has the shape {shape}, as height, width and channels; it must be {wanted}.")
    if np.issubdtype(array.dtype, np.floating):
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise BadInputError(
                f"An image's values go from {array.min():.3g} to {array.max():.3g}; floats must lie between 0 and 1. "
                "Of images from -1 to 1 take (image / 2 + 0.5)."
            )
        array = (array * 255).round().astype(np.uint8)
    elif array.dtype != np.uint8:
        raise BadInputError(f"An image's values are {array.dtype}; they must be uint8, or floats between 0 and 1.")
    return Image.fromarray(np.ascontiguousarray(array)).convert("RGB")
