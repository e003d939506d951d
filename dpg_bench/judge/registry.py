"""Every judge that `--judge` can name: the built-in ones and those that other packages add. Imports no torch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from dpg_bench.errors import unknown_name
from dpg_bench.judge.base import JudgeSpec
from dpg_bench.judge.mplug.spec import MPLUG, TINY_MPLUG
from dpg_bench.plugins import with_plugins

ENTRY_POINT_GROUP = "dpg_bench.judges"

_BUILT_IN: tuple[JudgeSpec[Any], ...] = (MPLUG, TINY_MPLUG)


def judge_specs() -> Mapping[str, JudgeSpec[Any]]:
    """The judges by name, those of other packages last. Raises BadInputError if one of these can't be used."""
    return with_plugins(_BUILT_IN, JudgeSpec, kind="judge", group=ENTRY_POINT_GROUP)


def find_judge(name: str) -> JudgeSpec[Any]:
    """The judge that `name` stands for. Raises BadInputError for a name that nobody knows."""
    specs = judge_specs()
    if name not in specs:
        raise unknown_name("judge", name, specs)
    return specs[name]
