"""The toy model and judge, with items that end the process: once, as a lost node does, or always, as poison does."""

from __future__ import annotations

import os
import signal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from dpg_bench.generate.base import Generator, GeneratorSettings, ImageRequest, ModelSpec
from dpg_bench.generate.models.tiny import TINY_SD15
from dpg_bench.judge.base import Judge, JudgeSettings, JudgeSpec
from dpg_bench.judge.registry import find_judge

if TYPE_CHECKING:
    from PIL import Image

    from dpg_bench.records import Reply


@dataclass(frozen=True)
class Dangers:
    """Texts at which the process ends: `once` the first time alone, which the file `mark` remembers; `always`."""

    mark: Path
    once: str | None = None
    always: str | None = None

    def meet(self, texts: Sequence[str]) -> None:
        if self.always in texts or (self.once in texts and not self.mark.exists()):
            self.mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)


@dataclass
class DeadlyGenerator:
    inner: Generator
    dangers: Dangers

    @property
    def provenance(self) -> Mapping[str, Any]:
        return self.inner.provenance

    def generate(self, requests: Sequence[ImageRequest]) -> list[Image.Image]:
        self.dangers.meet([request.prompt for request in requests])
        return self.inner.generate(requests)


@dataclass(frozen=True)
class LoadGenerator:
    dangers: Dangers

    def __call__(self, settings: GeneratorSettings[Any]) -> Generator:
        return DeadlyGenerator(TINY_SD15.load(settings), self.dangers)


def deadly_model(dangers: Dangers) -> ModelSpec[Any]:
    """tiny-sd15, which ends the process at these prompts."""
    return replace(TINY_SD15, load=LoadGenerator(dangers))


class DeadlyJudge:
    def __init__(self, inner: Judge, dangers: Dangers) -> None:
        self._inner = inner
        self._dangers = dangers

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def answer(self, pixels: Sequence[Any], questions: Sequence[Sequence[str]]) -> list[list[Reply]]:
        self._dangers.meet([text for texts in questions for text in texts])
        return self._inner.answer(pixels, questions)


@dataclass(frozen=True)
class LoadJudge:
    dangers: Dangers

    def __call__(self, settings: JudgeSettings[Any]) -> Judge:
        return DeadlyJudge(find_judge("tiny-mplug").load(settings), self.dangers)


def deadly_judge(dangers: Dangers) -> JudgeSpec[Any]:
    """tiny-mplug, which ends the process at these questions."""
    return replace(find_judge("tiny-mplug"), load=LoadJudge(dangers))
