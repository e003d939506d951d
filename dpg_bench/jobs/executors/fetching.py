"""Weights that several workers of one machine need are downloaded by the first of them."""

from __future__ import annotations

from collections.abc import Callable

from dpg_bench.files.run_folder import lock_folder
from dpg_bench.hub.cache import cache_folder

_PATIENCE = 6 * 3600.0  # seconds


def fetch_once(is_missing: Callable[[], bool], fetch: Callable[[], None]) -> None:
    """`fetch`, if something is missing, while other processes of this machine wait, who then find it there.

    Raises what `fetch` raises, and BadInputError after six hours of waiting.
    """
    if not is_missing():
        return
    with lock_folder(cache_folder() / "fetching", wait=_PATIENCE):
        if is_missing():
            fetch()
