"""Which share of the work is this process's, by option or by its launcher's variables, and what is said of it."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from dpg_bench.cli.console import say

if TYPE_CHECKING:
    from dpg_bench.jobs.shards import Shard


@dataclass(frozen=True, slots=True)
class Share:
    """The share, None for all of the work; and the device that it gets."""

    shard: Shard | None
    device: str


def find_share(text: str | None, device: str) -> Share:
    """What `--shard` says, or where it is not given, the launcher. A single share is no share but the whole.

    Raises BadInputError for what is no share.
    """
    from dpg_bench.device import spread_device
    from dpg_bench.jobs.shards import local_index, parse_shard, shard_from_environment

    shard = parse_shard(text) if text is not None else shard_from_environment(os.environ)
    if shard is None or shard.count == 1:
        return Share(None, device)
    return Share(shard, spread_device(device, local_index(os.environ)))


def say_share(shard: Shard, folder: Path) -> None:
    """Tell whose share this process does, and who said so."""
    said = f", as {shard.origin} say; with --shard 0/1 it would do all" if shard.origin else ""
    say(f"This process does share {shard} of {folder}{said}.")
