"""Where downloads and the built toy models are kept: `DPGBENCH_CACHE`, else `dpg-bench` in the user's cache folder."""

from __future__ import annotations

import os
from pathlib import Path


def cache_folder() -> Path:
    """The cache folder; it need not exist yet."""
    chosen = os.environ.get("DPGBENCH_CACHE")
    if chosen:
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dpg-bench"
