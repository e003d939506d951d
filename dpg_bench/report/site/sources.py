"""Where a published result was read → the address of that place, for the kinds of places that are sure."""

from __future__ import annotations

import re

_FILE = re.compile(
    r"github\.com/(?P<repository>[\w.-]+/[\w.-]+)@(?P<commit>[0-9a-f]{7,40}):(?P<path>[\w./-]+)(?P<line>#L\d+)?"
)
_THREAD = re.compile(r"github\.com/(?P<thread>[\w.-]+/[\w.-]+/(issues|pull)/\d+)")
_ARXIV = re.compile(r"arXiv:(?P<paper>\d{4}\.\d{4,5}(v\d+)?)")


def source_address(source: str) -> str | None:
    """The address of a file on GitHub at its commit, of an issue there, or of a paper on arXiv; None for all else."""
    if found := _FILE.search(source):
        line = found["line"] or ""
        return f"https://github.com/{found['repository']}/blob/{found['commit']}/{found['path']}{line}"
    if found := _THREAD.search(source):
        return f"https://github.com/{found['thread']}"
    if found := _ARXIV.search(source):
        return f"https://arxiv.org/abs/{found['paper']}"
    return None
