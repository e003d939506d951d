"""One call of a pipeline: its images, or no more than its first prediction and what its model was given.

The first prediction costs a single call of the model, and shows whether an argument does anything.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dpg_bench.errors import BadInputError, DpgBenchError
from dpg_bench.generate.base import ImageRequest
from dpg_bench.generate.models.call import IMAGE_OUTPUTS, draws_one_frame
from dpg_bench.generate.models.passes import noise_generators

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

_DENOISERS = ("transformer", "unet", "prior", "decoder")


@dataclass(frozen=True, slots=True)
class Glance:
    """The first prediction that the scheduler is given, how many steps it has, and the shapes the model was given."""

    prediction: torch.Tensor | None
    timesteps: int | None
    shapes: tuple[tuple[str, tuple[int, ...]], ...]

    def same(self, other: Glance) -> bool:
        """Whether nothing of it differs; False where there was nothing to see."""
        import torch

        mine, others = self.prediction, other.prediction
        if mine is None or others is None:
            return False
        return self.timesteps == other.timesteps and mine.shape == others.shape and torch.equal(mine, others)


def glance(pipeline: Any, requests: Sequence[ImageRequest], arguments: Mapping[str, Any]) -> Glance:
    """Call the pipeline as far as the first prediction. Raises whatever it raises."""
    shapes: list[tuple[str, tuple[int, ...]]] = []
    with _stop_at_first_step(pipeline), _watch_inputs(pipeline, shapes):
        try:
            draw_pixels(pipeline, requests, arguments)
        except _FirstStep as seen:
            if hasattr(pipeline, "maybe_free_model_hooks"):
                pipeline.maybe_free_model_hooks()
            return Glance(seen.prediction, seen.timesteps, tuple(sorted(set(shapes))))
    return Glance(None, None, tuple(sorted(set(shapes))))


def draw_pixels(
    pipeline: Any, requests: Sequence[ImageRequest], arguments: Mapping[str, Any]
) -> list[NDArray[np.floating]]:
    """The images of `requests`, each (height, width, 3) in [0, 1], made by one call.

    Raises DpgBenchError if the pipeline's output holds something else.
    """
    own = dict(arguments)
    if isinstance(own.get("negative_prompt"), str):
        own["negative_prompt"] = [own["negative_prompt"]] * len(requests)
    if draws_one_frame(type(pipeline)):
        own["num_frames"] = 1
    output = pipeline(
        prompt=[request.prompt for request in requests],
        generator=noise_generators(requests),
        output_type="np",
        **own,
    )
    return _images(type(pipeline).__name__, output, len(requests))


def _images(name: str, output: Any, count: int) -> list[NDArray[np.floating]]:
    import numpy as np

    found = (
        next((output[field] for field in IMAGE_OUTPUTS if field in output), None) if hasattr(output, "keys") else None
    )
    if found is None:
        held = ", ".join(output.keys()) if hasattr(output, "keys") else type(output).__name__
        raise BadInputError(f"{name} gives {held}, and no images: it does not make images from text alone.")
    images = [np.asarray(image) for image in found]
    images = [image[0] if image.ndim == 4 and len(image) == 1 else image for image in images]
    wrong = [image for image in images if image.ndim != 3 or image.shape[2] != 3]
    if len(images) != count or wrong:
        shapes = ", ".join(str(image.shape) for image in images)
        raise DpgBenchError(f"{name} was asked for {count} images and gave arrays of {shapes}.")
    return images


class _FirstStep(Exception):  # noqa: N818 - no error: how a call is left that has told enough
    def __init__(self, prediction: torch.Tensor, timesteps: int | None) -> None:
        super().__init__()
        self.prediction = prediction
        self.timesteps = timesteps


@contextmanager
def _stop_at_first_step(pipeline: Any) -> Iterator[None]:
    """Within, the first step of any of the pipeline's schedulers raises `_FirstStep` with what it was given."""
    schedulers = [part for part in pipeline.components.values() if hasattr(part, "step") and hasattr(part, "timesteps")]

    def stop(scheduler: Any) -> Callable[..., Any]:
        @functools.wraps(scheduler.step)
        def step(model_output: Any, *_: Any, **__: Any) -> Any:
            raise _FirstStep(model_output.detach().float().cpu().clone(), len(scheduler.timesteps))

        return step

    try:
        for scheduler in schedulers:
            scheduler.step = stop(scheduler)
        yield
    finally:
        for scheduler in schedulers:
            scheduler.__dict__.pop("step", None)


@contextmanager
def _watch_inputs(pipeline: Any, shapes: list[tuple[str, tuple[int, ...]]]) -> Iterator[None]:
    """Within, the shape of every tensor that a denoiser is given for one image is added to `shapes`."""
    import torch

    def watch(_: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        for name, value in [*((str(place), value) for place, value in enumerate(args)), *kwargs.items()]:
            for tensor in value if isinstance(value, list | tuple) else [value]:
                if isinstance(tensor, torch.Tensor) and tensor.dim() > 1:
                    whole = isinstance(value, list | tuple)
                    shapes.append((name, tuple(tensor.shape) if whole else tuple(tensor.shape[1:])))

    hooks = [
        part.register_forward_pre_hook(watch, with_kwargs=True)
        for name, part in pipeline.components.items()
        if name.startswith(_DENOISERS) and isinstance(part, torch.nn.Module)
    ]
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()
