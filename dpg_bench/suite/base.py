"""What a suite is to the toolkit: a spec with a name, and a way to load what the name stands for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from dpg_bench.hub.pinned_files import Progress
from dpg_bench.records import Suite


class LoadSuite(Protocol):
    """Loads the suite that `name` stands for, downloaded first where it must be.

    `strict` refuses a file with odd rows, which are mended otherwise (`Suite.mends`); `progress` hears of downloads.
    Raises BadInputError for content that can't be used, UnavailableError for what can't be downloaded.
    """

    def __call__(self, name: str, *, strict: bool = False, progress: Progress | None = None) -> Suite:
        """The suite."""
        ...


def nothing_known(name: str) -> None:
    """Of a suite that needs no download there is nothing to say."""
    del name


@dataclass(frozen=True, slots=True)
class SuiteSpec:
    """A suite that `--suite` understands, or a form of a user's own.

    `name` is a name or, with `matches`, the pattern of one (`FILE.csv`): `matches` says of what a user typed whether
    it is meant. `outline` gives what is known of a suite before it is downloaded, its item ids without texts and
    questions, None if there is nothing to wait for; `pending` what would have to be downloaded, in words, None for
    nothing. `images_per_prompt` is how many images its own protocol has of every prompt. `source`, `licence` and `size`
    are for people.
    """

    name: str
    summary: str
    load: LoadSuite
    source: str = ""
    licence: str = ""
    size: str = ""
    matches: Callable[[str], bool] | None = None
    outline: Callable[[str], Suite | None] = nothing_known
    pending: Callable[[str], str | None] = nothing_known
    images_per_prompt: int = 4
