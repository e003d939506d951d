"""What `run` is asked, and what it makes of that before anything is loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from dpg_bench.files.run_folder import RunDir, RunRecord
from dpg_bench.generate.base import GeneratorSettings, ModelSpec
from dpg_bench.generate.plan import ItemPlan
from dpg_bench.records import Prompt, Suite


@dataclass(frozen=True, slots=True)
class RunRequest:
    """What a user asks of `run`; None and `auto` stand for "you choose"."""

    model: str
    suite: str | Suite = "dpg-bench"
    out: Path | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    """By key, as text or as what the model's options hold."""
    images_per_prompt: int = 4
    seed: int = 0
    seeds: tuple[int, ...] | None = None
    steps: int | None = None
    guidance: float | None = None
    size: int | None = None
    batch_size: int | None = None
    limit: int | None = None
    items: tuple[str, ...] | None = None
    device: str = "auto"
    dtype: str = "auto"
    fresh: bool = False
    strict: bool = False


@dataclass(frozen=True, slots=True)
class RunPlan:
    """A request with nothing left open: names resolved, values checked, no weights loaded, nothing written."""

    request: RunRequest
    spec: ModelSpec[Any]
    suite: Suite
    prompts: tuple[Prompt, ...]
    items: tuple[ItemPlan, ...]
    generator: GeneratorSettings[Any]
    run: RunDir
    batch_size: int
    previous: RunRecord | None

    @property
    def settings(self) -> dict[str, Any]:
        """All that decides the pixels besides the prompts, as `run.json` holds it."""
        request = self.request
        return {
            "model": self.generator.model,
            "options": self.generator.options.recorded(),
            "size": self.generator.size,
            "steps": self.generator.steps,
            "guidance": self.generator.guidance,
            "dtype": self.generator.dtype,
            "images_per_prompt": request.images_per_prompt,
            "seed": None if request.seeds is not None else request.seed,
            "seeds": None if request.seeds is None else list(request.seeds),
        }
