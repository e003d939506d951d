"""What diffusers, transformers and Python's own warnings say while they work: heard, told once, and kept."""

from __future__ import annotations

import logging
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

logger = logging.getLogger(__name__)

_LIBRARIES = ("diffusers", "transformers", "ella_models")
_LONGEST = 400
_ABOUT_CODE = (DeprecationWarning, PendingDeprecationWarning)  # the libraries' own, and no image's
_OF_ONE_PLACE = 3  # what names the item or the step it's about is said anew for each
_TOLD_ELSEWHERE = (
    "The following part of your input was truncated",  # prompts that are too long are counted, all of them at once
    "Token indices sequence length is longer",
    "A prompt of ",  # ella_models', of each of them
    "You have disabled the safety checker",  # said of every run that does it
)
_OF_NO_USE = (
    "requires torchvision (not installed)",  # image processors, which text-to-image has no use for
    "Ignoring clean_up_tokenization_spaces",  # of tokens turned back into text, which only a warning needs
)


@dataclass(slots=True)
class Remarks:
    """What was said, each text once, and of one place in the libraries' code a few, in the order of the first time."""

    tell: bool = True
    texts: list[str] = field(default_factory=list)
    _places: Counter[tuple[str, int]] = field(default_factory=Counter)

    def hear(self, who: str, text: str, *, place: tuple[str, int]) -> None:
        """Keep `text`, and `tell` it by our log, unless it was said before or is told elsewhere."""
        said = " ".join(text.split())
        whole = f"{who}: {said if len(said) <= _LONGEST else said[:_LONGEST] + '…'}"
        known = whole in self.texts or self._places[place] >= _OF_ONE_PLACE
        if known or said.startswith(_TOLD_ELSEWHERE) or any(word in said for word in _OF_NO_USE):
            return
        self._places[place] += 1
        self.texts.append(whole)
        if self.tell:
            logger.warning("%s", whole)


_listener: ContextVar[Remarks | None] = ContextVar("listener", default=None)


@contextmanager
def listening(*, tell: bool = True) -> Iterator[Remarks]:
    """Within, whatever is said under `quiet_libraries` is kept in the `Remarks` that this gives; and told, or not."""
    remarks = Remarks(tell)
    token = _listener.set(remarks)
    try:
        yield remarks
    finally:
        _listener.reset(token)


@contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep diffusers and transformers from writing bars and remarks to stderr; afterwards all is as it was.

    What they say goes to whoever is `listening`, and nowhere if nobody is.
    """
    from diffusers.utils import logging as diffusers_logging
    from transformers.utils import logging as transformers_logging

    libraries = (diffusers_logging, transformers_logging)
    remarks = _listener.get()
    before = [(library, library.get_verbosity(), library.is_progress_bar_enabled()) for library in libraries]
    with ExitStack() as stack:
        for library in libraries:
            library.disable_progress_bar()
            if remarks is None:
                library.set_verbosity_error()
            else:
                library.set_verbosity_warning()
        if remarks is not None:
            stack.enter_context(_heard(remarks))
        try:
            yield
        finally:
            for library, verbosity, had_bars in before:
                library.set_verbosity(verbosity)
                if had_bars:
                    library.enable_progress_bar()


@contextmanager
def _heard(remarks: Remarks) -> Iterator[None]:
    """The libraries' log handlers and Python's warnings replaced by `remarks`."""
    ear = _Ear(remarks)
    loggers = [logging.getLogger(name) for name in _LIBRARIES]
    before = [(list(library.handlers), library.propagate) for library in loggers]
    for library in loggers:
        library.handlers, library.propagate = [ear], False
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("default")
            yield
    finally:
        for library, (own, propagates) in zip(loggers, before, strict=True):
            library.handlers, library.propagate = own, propagates
        for warning in caught:
            old_name = issubclass(warning.category, FutureWarning) and "deprecated" in str(warning.message)
            about_code = old_name or issubclass(warning.category, _ABOUT_CODE)
            if not about_code:
                place = (warning.filename, warning.lineno)
                remarks.hear(warning.category.__name__, str(warning.message), place=place)


class _Ear(logging.Handler):
    def __init__(self, remarks: Remarks) -> None:
        super().__init__(logging.WARNING)
        self._remarks = remarks

    def emit(self, record: logging.LogRecord) -> None:
        who = record.name.split(".", maxsplit=1)[0]
        self._remarks.hear(who, record.getMessage(), place=(record.pathname, record.lineno))
