"""Where a command's run lies: in a folder, or behind a URL and for the time being in a folder of this machine."""

from __future__ import annotations

import re
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from dpg_bench.cli.share import Share
from dpg_bench.errors import BadInputError

if TYPE_CHECKING:
    from dpg_bench.cli.workers import Workers
    from dpg_bench.files.mirror import Mirror


def find_mirror(
    place: str | None,
    who: Share | Workers | None = None,
    *,
    images: bool,
    fresh: bool = False,
    steal: bool = False,
    engine: str = "",
) -> Mirror | None:
    """The mirror of a run behind a URL, with what lies there brought here; None for a folder.

    `images` says whether a share needs all of them; who does all of the work does.

    Raises BadInputError for what a URL can't be used with, UnavailableError if it can't be reached.
    """
    if place is None or _here(place) is not None:
        return None
    if fresh:
        raise BadInputError(f"Nothing is deleted behind a URL. Delete {place} yourself, or choose another --out.")
    if steal:
        raise BadInputError("Behind a URL no lock tells who is at work; run the command of a share that died again.")
    if engine == "ray":
        raise BadInputError("--engine ray needs a folder that all machines of the cluster share, not a URL.")
    from dpg_bench.jobs.remote import open_mirror

    shard = who.shard if isinstance(who, Share) else None
    mirror = open_mirror(place, shard)
    mirror.pull(images=images or shard is None)
    return mirror


def folder_of(place: str | None, mirror: Mirror | None) -> Path | None:
    """The folder that the command works in."""
    return mirror.local if mirror is not None else _here(place) if place is not None else None


def _here(place: str) -> Path | None:
    """The folder that `place` names, as a path or a file:// URL; None if it is another URL."""
    if "://" in place:
        path = re.match(r"(file|local)://(/.*)", place)
        return Path(path[2]) if path is not None else None
    if typo := re.match(r"([a-z][a-z0-9+]+):/(?!/)", place):
        raise BadInputError(f"'{place}' has one slash; write {typo[1]}://…, or ./{place} for a folder of that name.")
    return Path(place)


def kept_up(mirror: Mirror | None) -> AbstractContextManager[None]:
    """Within, what is made is written to the URL too."""
    return mirror.kept_up() if mirror is not None else nullcontext()


def shown(file: Path, mirror: Mirror | None) -> str:
    """Where the user finds a file."""
    return f"{mirror.url}/{file.relative_to(mirror.local).as_posix()}" if mirror is not None else str(file)
