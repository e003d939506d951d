"""The adapter: U-Nets and ControlNets that are called with text features read ELLA's condition in their place.

Axes: R rows of a call, S text positions, C width of the text features, L tokens and D width of the condition.

Source: ELLA's `model.py` at 3c228f1, whose `ELLAProxyUNet` does this for one U-Net by wrapping it.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any, Self

import torch
from torch import Tensor, nn

from ella_models.clip_text import ClipTokens
from ella_models.condition import ScheduledConditions, distinct_rows, existing_positions
from ella_models.connector import EllaConnector
from ella_models.errors import EllaError

IN_STEP = ("controlnet_cond", "added_cond_kwargs")
"""What else diffusers gives a model for the rows of its text: control images, and the images of an IP-Adapter."""


class EllaAdapter:
    """Gives `models` (U-Nets, ControlNets) ELLA's condition at every call, until `remove` or the end of a `with`.

    Attached, a model takes text features (R, S, C) as its `encoder_hidden_states`, so any diffusers pipeline on it
    takes them as `prompt_embeds` and `negative_prompt_embeds`. Positions at a row's end that are zero throughout don't
    exist for that row: so rows of different lengths share a tensor. A row that is zero altogether is read whole.

    If a call has fewer samples than rows, as when guidance ends midway, the last rows are meant (of control images and
    an IP-Adapter's as well), where diffusers puts the positive prompts. With `scheduler`, whose schedule must be set
    before the first call, the connector runs ahead for its remaining timesteps; the connector's weights must not change
    within a schedule. Without, it runs at every call. `clip` are tokens of CLIP that follow ELLA's own.

    >>> with EllaAdapter(connector, pipe.unet, pipe.controlnet, scheduler=pipe.scheduler):
    ...     pipe(prompt_embeds=features, negative_prompt_embeds=empty, image=edges)  # doctest: +SKIP
    """

    def __init__(
        self, connector: EllaConnector, *models: nn.Module, scheduler: Any = None, clip: ClipTokens | None = None
    ) -> None:
        self.connector = connector
        self.scheduler = scheduler
        self.clip = clip
        self._scheduled: ScheduledConditions | None = None
        self._detach = [self._attach(model) for model in models]

    def remove(self) -> None:
        """Let the models read their `encoder_hidden_states` as they are again."""
        for detach in self._detach:
            detach()
        self._detach = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def condition(self, text: Tensor, timestep: Tensor | float) -> Tensor:
        """The condition (R, L, D) of text features (R, S, C) at a timestep, one for all rows or (R,).

        Raises EllaError for features of another width than the connector reads.
        """
        if text.ndim != 3 or text.shape[-1] != self.connector.sizes.input_dim:
            raise EllaError(
                f"ELLA's connector reads text features of width {self.connector.sizes.input_dim}, but the model was "
                f"called with {list(text.shape)}: give the pipeline ELLA's text features as prompt_embeds."
            )
        scheduled = self._of_schedule()
        time = None if scheduled is None else scheduled.time_of(timestep)
        if scheduled is not None and time is not None:
            return scheduled.at(text, time)
        times = torch.as_tensor(timestep, device=text.device)
        if times.numel() > 1 or torch.is_grad_enabled():
            return self._connect(text, times)
        firsts, rows = distinct_rows(text)
        return self._connect(text[firsts], times).index_select(0, torch.tensor(rows, device=text.device))

    def _attach(self, model: nn.Module) -> Callable[[], None]:
        compiled = model._compiled_call_impl  # noqa: SLF001 - torch has no other name for it
        if compiled is None:
            return model.register_forward_pre_hook(self._before_call, with_kwargs=True).remove

        # compiled in place (`model.compile()`): a hook would be compiled with it, and anew for every adapter
        def called(*args: Any, **kwargs: Any) -> Any:
            args, kwargs = self._before_call(model, args, kwargs)
            return compiled(*args, **kwargs)

        model._compiled_call_impl = called  # noqa: SLF001
        return partial(setattr, model, "_compiled_call_impl", compiled)

    def _before_call(
        self, _: nn.Module, args: tuple[Any, ...], kwargs: dict[str, Any]
    ) -> tuple[tuple[Any, ...], dict[str, Any]]:
        given = dict(zip(("sample", "timestep", "encoder_hidden_states"), args, strict=False)) | kwargs
        sample: Tensor = given["sample"]
        text: Tensor = given["encoder_hidden_states"]
        if sample.ndim == 4:  # models of video have a row for each frame
            text = text[-len(sample) :]
            if len(text) != len(sample):
                raise EllaError(f"The model was called with {len(sample)} samples, but text features of {len(text)}.")
            kwargs = {name: _last(value, len(sample)) if name in IN_STEP else value for name, value in kwargs.items()}
        tokens = self.condition(text, given["timestep"])
        if self.clip is not None:
            tokens, mask = self.clip.after(tokens)
            if mask is not None:
                kwargs = kwargs | {"encoder_attention_mask": mask}
        tokens = tokens.to(sample.dtype)
        if len(args) < 3:
            return args, kwargs | {"encoder_hidden_states": tokens}
        return (*args[:2], tokens, *args[3:]), kwargs

    def _connect(self, text: Tensor, times: Tensor) -> Tensor:
        tokens: Tensor = self.connector(text, times, existing_positions(text))
        return tokens

    def _of_schedule(self) -> ScheduledConditions | None:
        schedule = None if self.scheduler is None else self.scheduler.timesteps
        if schedule is None or torch.is_grad_enabled():  # a connector in training changes: nothing is kept
            return None
        if self._scheduled is None or self._scheduled.schedule is not schedule:
            self._scheduled = ScheduledConditions(self.connector, schedule)
        return self._scheduled


def _last(value: Any, rows: int) -> Any:
    """The last rows of every tensor in a structure."""
    if isinstance(value, Tensor):
        return value[-rows:]
    if isinstance(value, dict):
        return {name: _last(part, rows) for name, part in value.items()}
    return [_last(part, rows) for part in value] if isinstance(value, (list, tuple)) else value
