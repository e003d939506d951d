"""What a loaded pipeline does with what it's asked, found out by trying: before the first item, on a prompt of our own.

Arguments have other names from pipeline to pipeline, act only beside others, or not at all with some weights, and
sizes are rounded or replaced. What is recorded as a setting must have acted, so that each is tried with and without,
as far as the first prediction of a step (a single call of the model), and one image is drawn whole.
"""

from __future__ import annotations

import inspect
import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from dpg_bench.errors import BadInputError, DpgBenchError, option
from dpg_bench.generate.base import GeneratorSettings, ImageRequest, TextLimit
from dpg_bench.generate.models.call import guiding_arguments
from dpg_bench.generate.models.probe import Glance, draw_pixels, glance
from dpg_bench.generate.models.text_limits import Seen, limits_seen, watch_tokenizers
from dpg_bench.halving import is_out_of_memory
from dpg_bench.hub.remarks import Remarks

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

logger = logging.getLogger(__name__)

SHORT_PROMPT = "a red fox"
LONG_PROMPT = " ".join(["a lighthouse on a cliff at dusk, seen from a wooden boat"] * 8)
EMPTY_NEGATIVE = " "
"""What Qwen-Image is given as negative prompt where nothing is to be avoided, after its model card."""


@dataclass(frozen=True, slots=True)
class Guidance:
    """What guides, and how strongly: an argument of the call, or a part of the pipeline with a scale of its own."""

    name: str
    value: float


@dataclass(frozen=True, slots=True)
class PipelineCall:
    """What every call of a pipeline is given besides prompts and noise, and what that came to when it was tried.

    `guidance` is None where nothing guides. `size` is (width, height) in pixels, `timesteps` how many the scheduler
    had, `prompts_together` whether a prompt's image is the same in a call with other prompts. `idle` are arguments
    that changed nothing.
    """

    arguments: dict[str, Any]
    guidance: Guidance | None
    size: tuple[int, int]
    timesteps: int | None
    prompts_together: bool
    idle: tuple[str, ...]

    def record(self) -> dict[str, Any]:
        """What `run.json` keeps of it."""
        guidance = None if self.guidance is None else {self.guidance.name: self.guidance.value}
        given = {name: list(value) if isinstance(value, tuple) else value for name, value in self.arguments.items()}
        known = {"guidance": guidance, "size": list(self.size), "timesteps": self.timesteps}
        return {
            "arguments": given,
            "in_force": known,
            **({"without_effect": [*self.idle]} if self.idle else {}),
        }


class Trial:
    """A pipeline under trial, with the settings that a run will have; `heard` is what it says meanwhile."""

    def __init__(
        self, pipeline: Any, settings: GeneratorSettings[Any], arguments: Mapping[str, Any], *, heard: Remarks
    ) -> None:
        self._heard = heard
        self._pipeline = pipeline
        self._settings = settings
        self._arguments = dict(arguments)
        self._accepted = inspect.signature(type(pipeline).__call__).parameters
        self._name = type(pipeline).__name__

    def learn(self, asked: Mapping[str, Any]) -> PipelineCall:
        """What the calls will be, and what of it acts; `asked` are the arguments that the user named.

        Raises BadInputError for guidance, a negative prompt, steps or a size that the pipeline doesn't follow, and
        DpgBenchError if it can't draw at all.
        """
        arguments = self._arguments
        self._check_draws(arguments)
        guidance = self._guidance()
        if self._settings.negative_prompt is not None and self._idle("negative_prompt", arguments):
            raise BadInputError(
                f"The negative prompt changes nothing: {self._name} doesn't use one with this guidance"
                f"{self._in_words(guidance)}. Raise the guidance, or leave the negative prompt out."
            )
        timesteps = self._steps()
        idle = tuple(
            name
            for name in asked
            if name not in guiding_arguments(type(self._pipeline)) and name != "max_sequence_length"
            if self._idle(name, arguments)
        )
        return PipelineCall(
            arguments=dict(arguments),
            guidance=guidance,
            size=self._size(arguments),
            timesteps=timesteps,
            prompts_together=self.prompts_together(arguments),
            idle=idle,
        )

    def text_limits(self, arguments: Mapping[str, Any]) -> tuple[TextLimit, ...]:
        """How much of a prompt each text encoder reads, as far as its tokenizer shows it."""
        seen: Seen = {}
        with watch_tokenizers(self._pipeline, seen):
            self._glance(arguments)
        own = self._accepted.get("max_sequence_length")
        longest = arguments.get("max_sequence_length", None if own is None else own.default)
        return limits_seen(seen, SHORT_PROMPT, longest=longest if isinstance(longest, int) else None)

    def _guidance(self) -> Guidance | None:
        """What guides; the arguments are completed by what it takes."""
        arguments, wanted = self._arguments, self._settings.guidance
        names = guiding_arguments(type(self._pipeline))
        named = [name for name in names if name in arguments]
        for name in named:
            if wanted is not None:
                raise BadInputError(
                    f"guidance is {wanted}, and {name} is {arguments[name]} (-M): say only one of them."
                )
        for name in named or names:
            value = arguments.get(name, wanted if wanted is not None else self._accepted[name].default)
            if not isinstance(value, int | float):
                continue
            own = {"negative_prompt": EMPTY_NEGATIVE} if self._may_need_negative(name, asked=wanted is not None) else {}
            for more in ({}, own) if own else ({},):
                if self._acts(name, float(value), {**arguments, **more}, asked=name in arguments or wanted is not None):
                    if name in arguments or wanted is not None:
                        own = more if value > 1 else {}
                        arguments.update({name: float(value), **own})
                        if own:
                            logger.warning(
                                "%s guides only beside a negative prompt: '%s' is given.", self._name, EMPTY_NEGATIVE
                            )
                    return Guidance(name, float(value))
        part = self._guiding_part()
        if part is not None and not named:
            return self._set_part(part, wanted)
        if named or wanted is not None:
            name, value = (named[0], arguments[named[0]]) if named else ("guidance", wanted)
            raise BadInputError(self._no_guidance(name, value))
        return None

    def _may_need_negative(self, name: str, *, asked: bool) -> bool:
        """Whether to try `name` beside an empty negative prompt: it was asked for, and is the pipeline's own way."""
        free = "negative_prompt" in self._accepted and "negative_prompt" not in self._arguments
        return asked and free and name == guiding_arguments(type(self._pipeline))[0]

    def _acts(self, name: str, value: float, arguments: Mapping[str, Any], *, asked: bool) -> bool:
        """Whether another value draws something else; for one that nobody asked for, in the first prediction."""
        this, other = {**arguments, name: value}, {**arguments, name: value + 2}
        return not self._same(this, other) if asked else not self._glance(this).same(self._glance(other))

    def _guiding_part(self) -> str | None:
        part = getattr(self._pipeline, "guider", None)
        return "guider" if part is not None and hasattr(part, "guidance_scale") and hasattr(part, "new") else None

    def _set_part(self, name: str, wanted: float | None) -> Guidance:
        """HunyuanImage guides by components, one of them for prompts with text to be written."""
        for part in (name, f"ocr_{name}"):
            guider = getattr(self._pipeline, part, None)
            if wanted is not None and guider is not None:
                setattr(self._pipeline, part, guider.new(guidance_scale=wanted))
        return Guidance(f"{name}.guidance_scale", float(getattr(self._pipeline, name).guidance_scale))

    def _no_guidance(self, name: str, value: Any) -> str:
        tried = guiding_arguments(type(self._pipeline))
        needs = "negative_prompt" in self._accepted and "true_cfg_scale" in self._accepted
        how = (
            f" true_cfg_scale guides beside a negative prompt ({option('negative_prompt')}, -M true_cfg_scale=…)."
            if needs and "negative_prompt" not in self._arguments
            else ""
        )
        return (
            f"{name} is {value}, but it changes nothing: {self._name} with these weights doesn't act on "
            f"{' or '.join(tried)}, as distilled models don't.{how} Leave it out.{self._said()}"
        )

    def _said(self) -> str:
        """What the pipeline itself said of guidance, as a sentence."""
        said = [text for text in self._heard.texts if "guid" in text.lower()]
        return f" It says: {said[-1]}" if said else ""

    def _in_words(self, guidance: Guidance | None) -> str:
        return "" if guidance is None else f" ({guidance.name} {guidance.value:g})"

    def _steps(self) -> int | None:
        """How many timesteps the scheduler has. Raises BadInputError if it has as many whatever is asked."""
        steps = self._settings.steps
        found = self._glance(self._arguments).timesteps
        if steps is None or found is None:
            return found
        more = self._glance(self._in_steps(self._arguments, steps + 1)).timesteps
        if more == found:
            raise BadInputError(
                f"steps is {steps}, but {self._name} draws in {found} whatever is asked. Leave steps out."
            )
        return found

    def _in_steps(self, arguments: Mapping[str, Any], steps: int) -> Mapping[str, Any]:
        """The arguments with another number of steps; SanaSprint has an intermediate timestep for two alone."""
        own = {"intermediate_timesteps": None} if "intermediate_timesteps" in self._accepted and steps != 2 else {}
        return {**arguments, **own, "num_inference_steps": steps}

    def _idle(self, name: str, arguments: Mapping[str, Any]) -> bool:
        """Whether leaving `name` out changes nothing, though its value is not the default."""
        default = self._accepted[name].default
        if arguments[name] == default:
            return False
        try:
            return self._same(arguments, {key: value for key, value in arguments.items() if key != name})
        except DpgBenchError:  # without it the pipeline can't even draw
            return False

    def _same(self, one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
        """Whether two calls draw the same: by their first predictions, and where these agree, by whole images."""
        import numpy as np

        first, second = self._glance(one), self._glance(other)
        if first.prediction is not None and not first.same(second):
            return False
        return bool(np.array_equal(self._draw(one), self._draw(other)))

    def _size(self, arguments: Mapping[str, Any]) -> tuple[int, int]:
        """The size of an image. Raises BadInputError if another was asked for."""
        quick = arguments
        if "num_inference_steps" in self._accepted and not {"timesteps", "sigmas"} & arguments.keys():
            quick = self._in_steps(arguments, 1)
        try:
            height, width = self._draw(quick).shape[:2]
        except Exception as error:
            if is_out_of_memory(error) or quick is arguments:
                raise
            height, width = self._draw(arguments).shape[:2]  # schedules that a single step is too short for
        asked = self._settings.size
        if asked is not None and (width, height) != (asked, asked):
            raise BadInputError(
                f"size is {asked}, but {self._name} makes {width} × {height} pixels of it. Ask for a size that it "
                "follows, or leave size out to have its own."
            )
        return (width, height)

    def _check_draws(self, arguments: Mapping[str, Any]) -> None:
        """Raises DpgBenchError, with what to try, if the pipeline fails before its first prediction."""
        self._glance(arguments)

    def prompts_together(self, arguments: Mapping[str, Any]) -> bool:
        """Whether what the model is given of a prompt is of the same shape alone and beside a longer one."""
        if self._settings.device.startswith("cpu"):
            return False  # every call has one prompt there anyway
        try:
            alone = self._glance(arguments, [SHORT_PROMPT])
            beside = self._glance(arguments, [SHORT_PROMPT, LONG_PROMPT])
        except DpgBenchError:
            return False
        return bool(alone.shapes) and alone.shapes == beside.shapes

    def _draw(self, arguments: Mapping[str, Any]) -> NDArray[np.floating]:
        with self._named_errors():
            return draw_pixels(self._pipeline, [ImageRequest(SHORT_PROMPT, 0)], arguments)[0]

    def _glance(self, arguments: Mapping[str, Any], prompts: Sequence[str] = (SHORT_PROMPT,)) -> Glance:
        with self._named_errors():
            return glance(self._pipeline, [ImageRequest(prompt, 0) for prompt in prompts], arguments)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except DpgBenchError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise BadInputError(
                    f"{self._name} doesn't fit into the memory of {self._settings.device} with a single image. Try "
                    f"-M offload=model, a smaller size, or a smaller precision ({option('dtype')})."
                ) from error
            raise BadInputError(pipeline_error(self._name, self._arguments, error)) from error


def pipeline_error(name: str, arguments: Mapping[str, Any], error: Exception) -> str:
    """What to say of an error inside a pipeline: whose it is, with which arguments, and what to try."""
    cause = " ".join(str(error).split())[:400] or type(error).__name__
    given = ", ".join(f"{key}={value!r}" for key, value in arguments.items()) or "no arguments"
    return (
        f"{name} failed: {cause} ({type(error).__name__}). It was called with {given}. Try its own settings (leave "
        f"size, steps and guidance out), another {option('dtype')}, or give it the argument it misses by -M key=value."
    )
