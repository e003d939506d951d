"""The golden checkpoints with what the reference said about them, and a copy of one to damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from dpg_bench.judge.mplug.checkpoint import VOCABULARY_FILE
from dpg_bench.judge.mplug.config import read_config
from dpg_bench.judge.mplug.model import MplugModel
from dpg_bench.judge.mplug.tiny import write_tiny_checkpoint
from dpg_bench.judge.mplug.tokenizer import Tokenizer
from dpg_bench.judge.mplug.weights import load_model
from dpg_bench.judge.resizing import Squash


@pytest.fixture(scope="session", autouse=True)
def _one_thread() -> Iterator[None]:
    """Threads only get in each other's way at toy size, all the more when tests run in parallel."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@dataclass(frozen=True, slots=True)
class ExpectedAnswer:
    image: int
    question: str
    input_ids: list[int]
    tokens: list[int]
    score: float
    answer: str


@dataclass(frozen=True, slots=True)
class Case:
    """A golden checkpoint, loaded, and the reference's inputs and outputs."""

    checkpoint: Path
    model: MplugModel
    tokenizer: Tokenizer
    pixels: list[NDArray[np.uint8]]
    questions: list[str]
    answers: list[ExpectedAnswer]
    activations: dict[str, Tensor]


@pytest.fixture(scope="session", params=["no_concat", "same_width", "concat_every_2"])
def case(request: pytest.FixtureRequest, golden: Path) -> Case:
    folder = golden / "mplug" / str(request.param)
    config = read_config(folder / "checkpoint")
    expected = json.loads((folder / "expected.json").read_text(encoding="utf-8"))
    preprocess = Squash(config.vision.image_res)
    return Case(
        checkpoint=folder / "checkpoint",
        model=load_model(config, folder / "checkpoint", device=torch.device("cpu"), precision="float32"),
        tokenizer=Tokenizer(folder / "checkpoint" / VOCABULARY_FILE, config.bert.vocab_size),
        pixels=[preprocess(Image.open(folder / "images" / name)) for name in expected["images"]],
        questions=expected["questions"],
        answers=[ExpectedAnswer(**answer) for answer in expected["answers"]],
        activations=load_file(folder / "activations.safetensors"),
    )


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The toy judge's checkpoint, made for these tests."""
    folder = tmp_path_factory.mktemp("tiny-mplug")
    write_tiny_checkpoint(folder)
    return folder


@pytest.fixture
def checkpoint(tiny_folder: Path, tmp_path: Path) -> Path:
    """A copy of the toy checkpoint that a test may damage."""
    return Path(shutil.copytree(tiny_folder, tmp_path / "checkpoint"))
