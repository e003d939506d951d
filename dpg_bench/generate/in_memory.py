"""A model that lies in memory, in place of a name: anything that draws images from prompts and seeds."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dpg_bench.generate.base import GenerationDefaults, ImageRequest, ModelSpec
from dpg_bench.generate.registry import find_model
from dpg_bench.plugins import NoOptions

if TYPE_CHECKING:
    from PIL import Image


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """A model by the name that records and tables give it. It is a `Generator` itself.

    `draw` takes prompts and as many seeds (0 to 2^63 - 1), and gives an RGB image for each, in order; an image should
    depend on its own prompt and seed alone. `record` is what `run.json` keeps of it: a run goes on only with the same
    record, so name there what changes the pixels, such as the training step.

    >>> import dpg_bench as dpg
    >>> from pathlib import Path
    >>> from PIL import Image
    >>> def draw(prompts, seeds):
    ...     return [Image.new("RGB", (64, 64), (seed % 256, 0, 0)) for seed in seeds]
    >>> model = dpg.LoadedModel("reds", draw, {"step": 1000})
    >>> suite = dpg.load_suite("sample").select(2, seed=0)
    >>> plan = dpg.plan_run(dpg.RunRequest(model=model, suite=suite, out=Path("runs/reds")))
    >>> dpg.execute_run(plan).failed
    {}
    """

    name: str
    draw: Callable[[Sequence[str], Sequence[int]], Sequence[Image.Image]]
    record: Mapping[str, Any] = field(default_factory=dict)

    @property
    def provenance(self) -> Mapping[str, Any]:
        """`record`, and that this was an object."""
        return {"source": "a model in memory", **self.record}

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        """The drawn images.

        Raises ValueError if there are more or fewer than requests.
        """
        images = list(self.draw([request.prompt for request in requests], [request.seed for request in requests]))
        if len(images) != len(requests):
            raise ValueError(f"{self.name} was asked for {len(requests)} images and drew {len(images)}")
        return images


def as_model_spec(model: str | ModelSpec[Any] | LoadedModel) -> ModelSpec[Any]:
    """What `model` stands for: a name, a spec of one's own, or a model that is loaded already.

    Raises BadInputError for a name that nobody knows.
    """
    if isinstance(model, ModelSpec):
        return model
    if isinstance(model, str):
        return find_model(model)
    return ModelSpec(
        name=model.name,
        summary="in memory",
        defaults=GenerationDefaults(size=None, steps=None, guidance=None),
        options=NoOptions,
        load=lambda _: model,
    )
