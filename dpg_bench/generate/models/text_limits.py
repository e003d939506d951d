"""How much of a prompt the text encoders of a pipeline read, by watching its tokenizers at work."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from dpg_bench.generate.base import TextLimit

Seen = dict[str, tuple[Any, int, str]]
"""By component: its tokenizer, the tokens it was asked to cut to, and the text it was given."""


def tokenizer_limit(name: str, tokenizer: Any, tokens: int, template: str = "{}") -> TextLimit:
    """The limit of `tokens` on prompts put in place of `{}` in `template`; `name` is the component's."""
    return TextLimit(f"{name} ({type(tokenizer).__name__})", tokens, _Count(tokenizer, template))


@contextmanager
def watch_tokenizers(pipeline: Any, seen: Seen) -> Iterator[None]:
    """Within, what the pipeline's tokenizers are asked to cut, and to what length, is noted in `seen`."""
    from transformers import PreTrainedTokenizerBase

    watched: list[tuple[Any, type]] = []
    for name, part in pipeline.components.items():
        tokenizer = part if isinstance(part, PreTrainedTokenizerBase) else getattr(part, "tokenizer", None)
        if isinstance(tokenizer, PreTrainedTokenizerBase) and all(tokenizer is not other for other, _ in watched):
            watched.append((tokenizer, type(tokenizer)))
            tokenizer.__class__ = _watching(type(tokenizer), name, seen)
    try:
        yield
    finally:
        for tokenizer, kind in watched:
            tokenizer.__class__ = kind


def limits_seen(seen: Seen, prompt: str, *, longest: int | None) -> tuple[TextLimit, ...]:
    """The limits in `seen`, where the text that was cut held `prompt`.

    `longest` is the pipeline's `max_sequence_length`: some let the tokenizer read more than that, and cut what comes
    after their own beginning of the text later (Qwen-Image).
    """
    limits = []
    for name, (tokenizer, tokens, text) in seen.items():
        if prompt in text:
            template = text.replace(prompt, "{}", 1)
            read = tokens
            if longest is not None and tokens > longest:
                beginning = tokenizer_limit(name, tokenizer, tokens, template.split("{}")[0])
                read = min(tokens, longest + beginning.count(""))
            limits.append(tokenizer_limit(name, tokenizer, read, template))
    return tuple(limits)


def _watching(kind: type, name: str, seen: Seen) -> type:
    def watch(self: Any, text: Any = None, *args: Any, **kwargs: Any) -> Any:
        if kwargs.get("truncation") and text is not None:
            given = text[0] if isinstance(text, Sequence) and not isinstance(text, str) and text else text
            tokens = kwargs.get("max_length") or self.model_max_length
            if isinstance(given, str) and tokens < _NO_LIMIT:
                seen.setdefault(name, (self, int(tokens), given))
        return kind.__call__(self, text, *args, **kwargs)

    return type(kind.__name__, (kind,), {"__call__": watch, "__module__": kind.__module__})


_NO_LIMIT = 1_000_000
"""transformers gives tokenizers without a limit one of 10³⁰."""


@dataclass(frozen=True, slots=True)
class _Count:
    tokenizer: Any
    template: str

    def __call__(self, prompt: str) -> int:
        """How many tokens the prompt has, uncut, with what the pipeline puts around it."""
        return len(self.tokenizer(self.template.replace("{}", prompt), truncation=False, verbose=False).input_ids)
