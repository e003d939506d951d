"""What one call asks for: every prompt's texts, sorted out and checked before any model runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ella_models.errors import EllaError
from ella_models.text_encoder import LENGTHS, Length, TextInput


@dataclass(frozen=True, slots=True)
class TextSettings:
    """How a call's texts are read: T5's length, and whether and with which texts CLIP reads along.

    Raises EllaError for an unknown length, and for CLIP's texts without `clip`.
    """

    length: Length = "fixed"
    fixed_negative: bool = False
    clip: bool = False
    clip_prompt: str | Sequence[str] | None = None
    clip_negative_prompt: str | Sequence[str] | None = None

    def __post_init__(self) -> None:
        if self.length not in LENGTHS:
            raise EllaError(f"length must be one of {', '.join(LENGTHS)}, not {self.length!r}.")
        for name in ("clip_prompt", "clip_negative_prompt"):
            if getattr(self, name) is not None and not self.clip:
                raise EllaError(f"{name} goes with clip=True; without, the images don't depend on CLIP.")

    @property
    def negative_length(self) -> Length:
        """The length at which negative prompts are read."""
        return "fixed" if self.fixed_negative else self.length


@dataclass(frozen=True, slots=True)
class DistinctTexts:
    """The distinct texts of a call, and for each prompt the index of its own and of its negative one.

    Either is empty where the call has ready features of it or needs none.
    """

    distinct: tuple[TextInput, ...]
    positive: tuple[int, ...]
    negative: tuple[int, ...]


def distinct_texts(prompts: Sequence[str], negatives: Sequence[str], settings: TextSettings) -> DistinctTexts:
    """Find the distinct ones among prompts and negative prompts, a prompt before its negative one."""
    index: dict[TextInput, int] = {}
    positive, negative = [], []
    for row in range(max(len(prompts), len(negatives))):
        if prompts:
            positive.append(index.setdefault(TextInput(prompts[row], settings.length), len(index)))
        if negatives:
            negative.append(index.setdefault(TextInput(negatives[row], settings.negative_length), len(index)))
    return DistinctTexts(tuple(index), tuple(positive), tuple(negative))


def texts_of(name: str, value: str | Sequence[str] | None, *, count: int | None = None) -> list[str]:
    """The texts of an argument, one for each of `count` prompts; one text stands for all, and none for "".

    Raises EllaError for something else than text, an empty list, and numbers that don't match.
    """
    if value is None and count is None:
        raise EllaError(f"{name} was not given: give a text or a list of texts, or ready features of one.")
    if value is not None and not isinstance(value, Iterable):
        raise EllaError(f"{name} must be text or a list of texts, not {value!r}.")
    texts = [value or ""] if value is None or isinstance(value, str) else list(value)
    for text in texts:
        if not isinstance(text, str):
            raise EllaError(f"{name} must be text or a list of texts; it holds {text!r}.")
    if not texts:
        raise EllaError(f"{name} is an empty list; give at least one text.")
    if count is not None and len(texts) == 1:
        texts *= count
    if count is not None and len(texts) != count:
        raise EllaError(f"{name} has {len(texts)} entries for {count} prompts; give one, or one per prompt.")
    return texts
