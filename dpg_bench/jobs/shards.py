"""Which share of the items a process does, so that any number of them can share a run without talking to each other.

Every process works the shares out for itself, from the ids of the items alone. Launchers number their processes in the
environment: torchrun and accelerate (`RANK`, `WORLD_SIZE`: PyTorch's torchrun documentation, "Environment Variables"),
SLURM's job arrays and steps (`SLURM_ARRAY_TASK_ID`, `_COUNT`, `_MIN`; `SLURM_PROCID`, `SLURM_NTASKS`: the man page of
sbatch, "OUTPUT ENVIRONMENT VARIABLES").
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from dpg_bench.errors import BadInputError, option

_SHARD = re.compile(r"\s*([0-9]{1,9})\s*/\s*([0-9]{1,9})\s*")


@dataclass(frozen=True, slots=True)
class Shard:
    """Share `index` (from 0) of `count`; `origin` says who said so: an option, or the variables of a launcher."""

    index: int
    count: int
    origin: str = ""

    def __str__(self) -> str:
        """As an option has it: `0/4`."""
        return f"{self.index}/{self.count}"

    @property
    def name(self) -> str:
        """Of its folder."""
        return f"{self.index}-of-{self.count}"

    def others(self) -> tuple[Shard, ...]:
        """The other shares, beginning behind this one, so that those who help out spread."""
        return tuple(Shard((self.index + step) % self.count, self.count) for step in range(1, self.count))


def parse_shard(text: str) -> Shard:
    """`0/4` → the first share of four.

    Raises BadInputError for anything else.
    """
    match = _SHARD.fullmatch(text)
    index, count = (int(match[1]), int(match[2])) if match else (0, 0)
    if not 0 <= index < count:
        last = f"{count - 1}/{count}" if count > 0 else "3/4"
        raise BadInputError(
            f"{option('shard')} is '{text}'; it must be I/N, counted from 0: from 0/{count or 4} to {last}."
        )
    return Shard(index, count)


def as_shard(shard: Shard | str) -> Shard:
    """`shard`, read if it is a text. Raises BadInputError if it is none."""
    return parse_shard(shard) if isinstance(shard, str) else shard


def deal(item_ids: Sequence[str], shard: Shard) -> frozenset[str]:
    """The items of a share: in the order of their ids' SHA-256, every n-th.

    Shares differ by one item at most, and hold neighbours of the suite no more than chance would.
    """
    ordered = sorted(item_ids, key=lambda item_id: hashlib.sha256(item_id.encode("utf-8", "surrogatepass")).digest())
    return frozenset(ordered[shard.index :: shard.count])


def shard_from_environment(environment: Mapping[str, str]) -> Shard | None:
    """What a launcher says of this process; None where there is none, or it started a single one.

    A job array of several steps or launchers counts as one: of 3 × 4 processes, each does a twelfth.

    Raises BadInputError for numbers that can't be, and for an array whose ids aren't evenly spaced.
    """
    index, count, origins = 0, 1, []
    for part in (_array(environment), _process(environment)):
        if part is not None and part.count > 1:
            index, count = index * part.count + part.index, count * part.count
            origins.append(part.origin)
    return Shard(index, count, " and ".join(origins)) if count > 1 else None


def local_index(environment: Mapping[str, str]) -> int | None:
    """Which of this machine's processes this is, as its launcher counts them; None if it doesn't say."""
    for name in ("LOCAL_RANK", "SLURM_LOCALID"):
        if environment.get(name, "").isdecimal():
            return int(environment[name])
    return None


def _process(environment: Mapping[str, str]) -> Shard | None:
    for index, count in (("RANK", "WORLD_SIZE"), ("SLURM_PROCID", "SLURM_NTASKS")):
        if index in environment and count in environment:
            found = Shard(_number(environment, index), _number(environment, count), f"{index} and {count}")
            if not found.index < found.count:
                raise BadInputError(
                    f"{index} is {found.index} and {count} is {found.count}, which can't be. Unset both, or say "
                    f"{option('shard')}."
                )
            return found
    return None


def _array(environment: Mapping[str, str]) -> Shard | None:
    if any(name not in environment for name in ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT")):
        return None
    environment = {"SLURM_ARRAY_TASK_MIN": "0", **environment}
    names = ("SLURM_ARRAY_TASK_ID", "SLURM_ARRAY_TASK_COUNT", "SLURM_ARRAY_TASK_MIN")
    task, count, first = (_number(environment, name) for name in names)
    last = _number(environment, "SLURM_ARRAY_TASK_MAX") if "SLURM_ARRAY_TASK_MAX" in environment else first + count - 1
    step = (last - first) // (count - 1) if count > 1 else 1
    index, rest = divmod(task - first, max(step, 1))
    if rest or not 0 <= index < count or (last - first) != step * (count - 1):
        raise BadInputError(
            f"The tasks of this job array aren't evenly spaced ({count} from {first} to {last}, this one is {task}): "
            f"which share is whose can't be told. Say {option('shard')}, such as {option('shard', f'0/{count}')}."
        )
    return Shard(index, count, "SLURM_ARRAY_TASK_ID, _COUNT and _MIN")


def _number(environment: Mapping[str, str], name: str) -> int:
    text = environment[name].strip()
    if not text.isdecimal() or len(text) > 9:
        raise BadInputError(f"The variable {name} is '{text}', which is no number. Unset it, or say {option('shard')}.")
    return int(text)
