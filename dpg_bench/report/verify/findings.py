"""What verifying collects: what was recomputed, what differs, and what could not be looked at."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from dpg_bench.errors import BadInputError, DpgBenchError, UnavailableError

_LONGEST = 60

Kind: TypeAlias = Literal["images", "answers", "scorecards", "weights"]


def short(value: object) -> str:
    """A value in words, as far as a line has room for it."""
    text = "nothing" if value is None else str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}…"


@dataclass(frozen=True, slots=True)
class Finding:
    """A file, or the folder, and what there is to say of it."""

    file: Path
    problem: str

    def __str__(self) -> str:
        """In words, the file first unless the words name it."""
        return self.problem if str(self.file) in self.problem else f"{self.file}: {self.problem}"


@dataclass(slots=True)
class Findings:
    """The collection, in the order of what was looked at."""

    checked: Counter[Kind] = field(default_factory=Counter)
    differences: list[Finding] = field(default_factory=list)
    unchecked: list[Finding] = field(default_factory=list)

    def differs(self, file: Path, problem: str) -> None:
        """Note that something isn't as recorded."""
        self.differences.append(Finding(file, problem))

    def left(self, file: Path, why: str) -> None:
        """Note that something could not be looked at."""
        self.unchecked.append(Finding(file, why))

    @contextmanager
    def readable(self, place: Path) -> Iterator[None]:
        """What is damaged so that it can't be read is one difference more, and the rest is looked at all the same."""
        try:
            yield
        except UnavailableError as error:
            self.left(place, str(error))
        except BadInputError as error:
            self.differs(place, error.message)
        except OSError as error:
            self.differs(Path(error.filename or place), f"can't be read: {error.strerror or error}")

    @contextmanager
    def possible(self, place: Path) -> Iterator[None]:
        """What can't be done here, such as loading weights that aren't there, is no difference."""
        try:
            yield
        except DpgBenchError as error:
            self.left(place, error.message)
