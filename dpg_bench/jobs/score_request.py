"""What `score` is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dpg_bench.judge.base import JudgeSpec
from dpg_bench.judge.in_memory import LoadedJudge
from dpg_bench.records import Suite


@dataclass(frozen=True, slots=True)
class ScoreRequest:
    """What a user asks of `score`; None and `auto` stand for "you choose".

    `grid` (columns, rows), `border` (pixels), `pattern` (`{item}/{k:04d}.png`) and `files` (a list of files by item)
    say where images are, where their names and pixels don't. `model_name` and `note` say how images made elsewhere were
    made; a run of ours knows that itself.

    >>> import dpg_bench as dpg
    >>> dpg.ScoreRequest(judge="mplug").allow_missing
    False
    """

    path: Path | None = None
    suite: str | Suite | None = None
    judge: str | JudgeSpec[Any] | LoadedJudge = "mplug"
    """By name, or as an object: a spec of one's own, or a judge that `load_judge` has loaded."""
    options: Mapping[str, Any] = field(default_factory=dict)
    answers: Path | None = None
    where: Mapping[str, str] = field(default_factory=dict)
    images_per_prompt: int | None = None
    resolution: int | None = None
    grid: tuple[int, int] | None = None
    border: int | None = None
    pattern: str | None = None
    files: Path | None = None
    batch_size: int | None = None
    device: str = "auto"
    dtype: str = "auto"
    allow_missing: bool = False
    model_name: str | None = None
    note: str | None = None
    prompts_from: Path | None = None
    """The file of `dpgbench rewrite` that images made elsewhere were drawn from."""
    out: Path | None = None
    fresh: bool = False
    strict: bool = False
    limit: int | None = None
    items: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        """Take paths that are text, as people write them in notebooks."""
        for name in ("path", "answers", "files", "prompts_from", "out"):
            if isinstance(value := getattr(self, name), str):
                object.__setattr__(self, name, Path(value))
