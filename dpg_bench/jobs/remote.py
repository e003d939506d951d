"""Where a run behind a URL is worked on, on this machine."""

from __future__ import annotations

import hashlib
from pathlib import Path

from dpg_bench.files.item_names import file_stem
from dpg_bench.files.mirror import Mirror
from dpg_bench.hub.cache import cache_folder
from dpg_bench.jobs.shards import Shard


def open_mirror(url: str, shard: Shard | None = None) -> Mirror:
    """The mirror of the run at `url` in this machine's cache; each share has a folder of its own.

    So the same command finds what it had not written yet when it was killed. Raises what `Mirror` raises.
    """
    digest = hashlib.sha256(url.rstrip("/").encode()).hexdigest()[:12]
    own = shard.name if shard is not None else None
    last = file_stem(url.rstrip("/").rsplit("/", 1)[-1])[:80]
    folder: Path = cache_folder() / "mirrors" / f"{digest}-{own or 'whole'}" / last
    return Mirror(url, folder, own=own)
