"""Toy vision-language models of several families, and the judges that they make."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from dpg_bench.device import one_thread
from dpg_bench.judge.in_memory import LoadedJudge, load_judge
from tests.toy_vlms import save_toy_vlm

QUESTIONS = [
    "Is there a car?",
    "Is it red?",
    "Are there two dogs in front of the old house by the lake?",
    "Is it a photo?",
]


@pytest.fixture(scope="session")
def toy_vlm(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    folders: dict[str, Path] = {}

    def made(name: str) -> Path:
        if name not in folders:
            folders[name] = save_toy_vlm(name, tmp_path_factory.mktemp("vlm") / name)
        return folders[name]

    return made


@pytest.fixture(scope="session")
def vlm_judge(toy_vlm: Callable[[str], Path]) -> Callable[..., LoadedJudge]:
    def loaded(name: str, **options: Any) -> LoadedJudge:
        with one_thread():
            return load_judge(f"vlm:{toy_vlm(name)}", options=options, device="cpu")

    return loaded


@pytest.fixture(scope="session")
def pictures() -> list[np.ndarray]:
    sizes = [(40, 48), (64, 64), (30, 90), (40, 48), (50, 50), (41, 37)]
    return [np.random.default_rng(n).integers(0, 256, (*size, 3), dtype=np.uint8) for n, size in enumerate(sizes)]
