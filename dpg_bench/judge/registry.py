"""Every judge that `--judge` can name: built-in ones, forms such as `vlm:…`, and what other packages add.

Imports no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from dpg_bench.errors import unknown_name
from dpg_bench.judge.base import JudgeSpec
from dpg_bench.judge.blip_vqa.spec import BLIP_VQA
from dpg_bench.judge.clip.spec import CLIP
from dpg_bench.judge.mplug.spec import MINI_MPLUG, MPLUG, TINY_MPLUG
from dpg_bench.judge.openai.spec import openai_spec
from dpg_bench.judge.vlm.spec import vlm_spec
from dpg_bench.plugins import with_plugins

ENTRY_POINT_GROUP = "dpg_bench.judges"


@dataclass(frozen=True, slots=True)
class _Form:
    """Judges that are named by what follows a prefix: `shown` is how, `example` one of them."""

    prefix: str
    shown: str
    example: str
    spec: Callable[[str], JudgeSpec[Any]]


_BUILT_IN: tuple[JudgeSpec[Any], ...] = (MPLUG, MINI_MPLUG, TINY_MPLUG, BLIP_VQA, CLIP)
_FORMS = (
    _Form("vlm:", "vlm:REPO_OR_FOLDER", "vlm:OWNER/NAME", vlm_spec),
    _Form("openai:", "openai:MODEL@URL", "openai:MODEL@http://localhost:8000/v1", openai_spec),
)
PREFIXES = tuple(form.prefix for form in _FORMS)


def judge_specs() -> Mapping[str, JudgeSpec[Any]]:
    """The judges by name, those of other packages last. Raises BadInputError if one of these can't be used."""
    return with_plugins(_BUILT_IN, JudgeSpec, kind="judge", group=ENTRY_POINT_GROUP)


def judge_forms() -> tuple[JudgeSpec[Any], ...]:
    """The judges that are named by what follows a prefix, each under its form (`vlm:REPO_OR_FOLDER`)."""
    return tuple(replace(form.spec(form.example), name=form.shown) for form in _FORMS)


def judge_made_for(suite: str) -> str | None:
    """The judge that was trained for this suite alone; None for most suites."""
    return next((name for name, spec in judge_specs().items() if spec.made_for == suite), None)


def find_judge(name: str) -> JudgeSpec[Any]:
    """The judge that `name` stands for. Raises BadInputError for a name that nobody knows."""
    for form in _FORMS:
        if name.startswith(form.prefix):
            return form.spec(name)
    specs = judge_specs()
    if name not in specs:
        raise unknown_name("judge", name, [*specs, *(form.shown for form in _FORMS)])
    return specs[name]
