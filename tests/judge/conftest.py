"""A judge for the tests of everything around the judge, and folders of images for it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from dpg_bench.files.grid import make_grid
from dpg_bench.files.images import find_images
from dpg_bench.judge.stage import JudgingOutcome, judge_images
from dpg_bench.records import Prompt, Question, Reply

SIDE = 6


@dataclass
class HashJudge:
    """Answers by a hash of the pixels and the question, as the stand-in judge of the golden data does.

    `before_call` sees the calls, counted from 0, with their number of images, and may raise.
    """

    fingerprint: str = "f" * 64
    provenance: Mapping[str, Any] = field(default_factory=lambda: {"source": "a hash", "dtype": "none"})
    before_call: Callable[[int, int], None] = lambda *_: None
    asked: list[str] = field(default_factory=list)
    calls: int = 0

    @property
    def preprocess(self) -> Callable[[Image.Image], np.ndarray]:
        return np.asarray

    def answer(self, pixels: Sequence[np.ndarray], questions: Sequence[Sequence[str]]) -> list[list[Reply]]:
        self.calls += 1
        self.before_call(self.calls - 1, len(pixels))
        self.asked += [question for texts in questions for question in texts]
        return [[Reply(self.one(tile, text)) for text in texts] for tile, texts in zip(pixels, questions, strict=True)]

    def one(self, tile: np.ndarray, text: str) -> str:
        assert tile.dtype == np.uint8
        assert tile.shape == (SIDE, SIDE, 3)
        return ("yes", "no", "two")[hashlib.sha256(tile.tobytes() + text.encode()).digest()[0] % 3]


def make_prompts(count: int, questions: int = 3) -> list[Prompt]:
    return [
        Prompt(
            f"item{n}",
            f"prompt {n}",
            tuple(Question(q + 1, (), "entity", "entity - whole", f"Is {q} in {n}?") for q in range(questions)),
        )
        for n in range(count)
    ]


def noise(seed: int, side: int = SIDE) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (side, side, 3), dtype=np.uint8))


def write_grids(folder: Path, prompts: Sequence[Prompt], images: int = 4) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for n, prompt in enumerate(prompts):
        make_grid([noise(100 * n + k) for k in range(images)]).save(folder / f"{prompt.item_id}.png")
    return folder


@pytest.fixture
def prompts() -> list[Prompt]:
    return make_prompts(6)


@pytest.fixture
def grids(tmp_path: Path, prompts: list[Prompt]) -> Path:
    return write_grids(tmp_path / "images", prompts)


@pytest.fixture(scope="session")
def hash_judge() -> type[HashJudge]:
    return HashJudge


@pytest.fixture(scope="session")
def grid_folder() -> Callable[..., Path]:
    return write_grids


@pytest.fixture(scope="session")
def prompts_of() -> Callable[..., list[Prompt]]:
    return make_prompts


def judged(prompts: Sequence[Prompt], grids: Path, judge: object, folder: Path, **options: object) -> JudgingOutcome:
    images = find_images(grids, [prompt.item_id for prompt in prompts])
    return judge_images(prompts, images, judge, **{"folder": folder, "batch_size": 4, **options})


@pytest.fixture
def undisturbed(prompts: list[Prompt], grids: Path, hash_judge: Callable, tmp_path: Path) -> bytes:
    judged(prompts, grids, hash_judge(), tmp_path / "undisturbed")
    return (tmp_path / "undisturbed" / "answers.jsonl").read_bytes()
