"""What a language model is asked and says: conversations in, one answer or one named failure each out."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal, Protocol

from dpg_bench.errors import BadInputError, check_positive, option, out_of_range
from dpg_bench.remote.usage import Usage


@dataclass(frozen=True, slots=True)
class Turn:
    """What one side of a conversation says."""

    role: Literal["user", "assistant"]
    text: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A conversation that waits for an answer. `key` names it in records; `seed` counts where the answer is drawn."""

    key: str
    turns: tuple[Turn, ...]
    seed: int = 0

    @property
    def digest(self) -> str:
        """SHA-256 (hex) of the conversation and the seed."""
        content = [[turn.role, turn.text] for turn in self.turns]
        return hashlib.sha256(json.dumps([content, self.seed], ensure_ascii=True).encode()).hexdigest()


@dataclass(frozen=True, slots=True)
class Said:
    """The answer to what was asked under `key`, or, with `text` None, why there is none.

    `answered_by` is the name that a server answers under, which may say more than the one it was asked by.
    """

    key: str
    text: str | None
    error: str | None = None
    answered_by: str | None = None
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Sampling:
    """How answers are drawn: the likeliest token each time at `temperature` 0; of at most `max_tokens` tokens."""

    temperature: float = 0.0
    max_tokens: int = 512
    seed: int = 0

    def check(self) -> None:
        """Raises BadInputError for a number that can't be."""
        if not 0 <= self.temperature <= 2:
            raise BadInputError(f"{option('temperature')} is {self.temperature}; it must be from 0 to 2.")
        check_positive({"max tokens": self.max_tokens})
        if not 0 <= self.seed < 2**63:
            raise out_of_range("a seed", self.seed, "from 0 to 2^63 - 1")

    def record(self) -> dict[str, int | float]:
        """What decides the answers: the seed only where they are drawn by chance."""
        return {name: value for name, value in asdict(self).items() if name != "seed" or self.temperature}

    @property
    def written(self) -> str:
        """The record as a file made of the answers has it: JSON."""
        return json.dumps(self.record())


@dataclass(frozen=True, slots=True)
class WriterSettings:
    """Which language model writes, and how. `name` is a folder or repository, or MODEL@URL of a server.

    `revision`, `device`, `dtype` and `batch_size` are of a model on this machine, `key_from` (the environment
    variable that holds the key) and `concurrency` of a server.
    """

    name: str
    sampling: Sampling = Sampling()
    revision: str | None = None
    device: str = "auto"
    dtype: str = "auto"
    batch_size: int | None = None
    key_from: str | None = None
    concurrency: int = 8


class Writer(Protocol):
    """A language model that is loaded, or a server's that is there."""

    @property
    def provenance(self) -> Mapping[str, Any]:
        """What is recorded of it: repository or address, commit, digests of the weights, precision."""
        ...

    @property
    def revision(self) -> str:
        """What tells its weights from others of the same name; empty where nobody knows."""
        ...

    @property
    def together(self) -> int:
        """How many conversations are worked on as one batch, in the order given: rounding may depend on it."""
        ...

    def write(self, asked: Sequence[Asked]) -> Iterator[Said]:
        """What it says to each conversation, in order.

        Raises UnavailableError if a server that must answer can't be reached any more.
        """
        ...
