"""What every text encoder takes, gives and can be asked for.

Axes: P prompts, S text positions, C width of the encoder.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal, Protocol, Self

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from ella_models.connector.config import ConnectorConfig
from ella_models.errors import EllaError

Length = Literal["fixed", "flexible"]
LENGTHS: tuple[Length, ...] = ("fixed", "flexible")
FIXED_TOKENS = 128
PADDING_SIDES = ("right", "left")
PROMPT_PLACE = "{prompt}"
_MOST_TOKENS = 1 << 15  # far above any, so that what a stranger's file says can't fill the memory


@dataclass(frozen=True, slots=True)
class TextInput:
    """A prompt, and the length at which it is encoded."""

    text: str
    length: Length


@dataclass(frozen=True, slots=True)
class TextFeatures:
    """What the connector reads of P prompts.

    `states` is (P, S, C); `visible` (P, S) bool is true where the connector may look, `None` if it may everywhere.
    """

    states: Tensor
    visible: Tensor | None


@dataclass(frozen=True, slots=True)
class TextOptions:
    """How prompts become features, as it stands beside a connector's weights: it must be the same as in training.

    - `tokens`: the fixed length, in tokens (128 in the paper).
    - `layer`: which hidden states, counted as transformers does (0 is the embeddings); `None` is the last layer's after
      the final norm, as in the paper.
    - `padding_side`, `begin_token` (`None`: as the tokenizer does by itself), `template` (its `{prompt}` stands for the
      prompt): for decoder-only encoders unpublished, so these defaults are ours.

    Raises EllaError for a value that can't be.
    """

    tokens: int = FIXED_TOKENS
    layer: int | None = None
    padding_side: str = "right"
    begin_token: bool | None = None
    template: str = PROMPT_PLACE

    def __post_init__(self) -> None:
        if not _is_whole(self.tokens) or not 1 <= self.tokens <= _MOST_TOKENS:
            raise EllaError(
                f"A text's fixed length must be at least 1 token and at most {_MOST_TOKENS}, not {self.tokens!r:.40}."
            )
        if self.layer is not None and not _is_whole(self.layer):
            raise EllaError(f"layer must be a whole number, not {self.layer!r:.40}.")
        if self.begin_token not in (None, False, True):
            raise EllaError(f"begin_token must be true or false, not {self.begin_token!r:.40}.")
        if self.padding_side not in PADDING_SIDES:
            raise EllaError(f"padding_side must be one of {', '.join(PADDING_SIDES)}, not {self.padding_side!r}.")
        if not isinstance(self.template, str) or self.template.count(PROMPT_PLACE) != 1:
            raise EllaError(f"The template must hold {PROMPT_PLACE} once: {self.template!r} does not.")

    @classmethod
    def read(cls, options: Mapping[str, Any] | None) -> Self:
        """The options that a file recorded; those it doesn't name are the defaults.

        Raises EllaError for a name that no option has.
        """
        known = {field.name for field in fields(cls)}
        if unknown := sorted((options or {}).keys() - known):
            raise EllaError(f"Unknown option of a text encoder: {', '.join(unknown)}; known are {sorted(known)}.")
        return cls(**(options or {}))

    def changed(self) -> dict[str, Any]:
        """The options that differ from the defaults, as a file records them."""
        return {name: value for name, value in asdict(self).items() if value != getattr(DEFAULT_OPTIONS, name)}


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


DEFAULT_OPTIONS = TextOptions()


class TextEncoder(Protocol):
    """A frozen model with its tokenizer, and the options under which it reads prompts."""

    @property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """The model's own tokenizer."""

    @property
    def model(self) -> PreTrainedModel:
        """The model, whose parameters never change."""

    @property
    def options(self) -> TextOptions:
        """How prompts are read."""

    @property
    def width(self) -> int:
        """C, the width of the features."""

    def encode(self, inputs: Sequence[TextInput], *, device: torch.device | str) -> TextFeatures:
        """Encode prompts in one batch; each comes out as it would alone, whatever its length and its neighbours'."""


def check_width(width: int, sizes: ConnectorConfig) -> None:
    """Raises EllaError if features of this width aren't what a connector of these sizes reads."""
    if width != sizes.input_dim:
        raise EllaError(
            f"The connector reads text features of width {sizes.input_dim}, but the text encoder's are {width} wide: "
            "they don't belong together."
        )


def hidden_states(model: nn.Module, input_ids: Tensor, mask: Tensor, options: TextOptions) -> Tensor:
    """The states (P, S, C) of the layer that the options name.

    Raises EllaError for a layer that the model doesn't have.
    """
    if options.layer is None:
        last: Tensor = model(input_ids, attention_mask=mask).last_hidden_state
        return last
    layers = model(input_ids, attention_mask=mask, output_hidden_states=True).hidden_states
    if not -len(layers) <= options.layer < len(layers):
        raise EllaError(
            f"The text encoder has hidden states 0 to {len(layers) - 1}; there is no layer {options.layer}."
        )
    chosen: Tensor = layers[options.layer]
    return chosen


def cast_whole(model: nn.Module, dtype: torch.dtype) -> None:
    """Cast every parameter, also those that transformers holds in float32 when it loads T5 in half precision.

    ELLA's authors load and then cast (`inference.py` at 3c228f1), so this is the precision its images are made with.
    """
    model.to(dtype)
