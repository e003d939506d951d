"""The stage with the real judge at toy size: what the stand-in can't show is that its numbers don't move either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dpg_bench.files.images import find_images
from dpg_bench.judge.base import Judge, JudgeSettings
from dpg_bench.judge.registry import find_judge
from dpg_bench.judge.stage import judge_images
from dpg_bench.plugins import NoOptions
from dpg_bench.records import Prompt, Reply


class Interrupted:
    """A judge that is stopped by Ctrl-C at its `last` call, counted from 0."""

    def __init__(self, judge: Judge, last: int) -> None:
        self._judge = judge
        self._left = last
        self.fingerprint = judge.fingerprint
        self.provenance = judge.provenance
        self.preprocess = judge.preprocess

    def answer(self, pixels: Sequence[object], questions: Sequence[Sequence[str]]) -> list[list[Reply]]:
        if self._left == 0:
            raise KeyboardInterrupt
        self._left -= 1
        return self._judge.answer(pixels, questions)


@pytest.fixture(scope="module")
def tiny_mplug() -> Judge:
    return find_judge("tiny-mplug").load(JudgeSettings("tiny-mplug", NoOptions(), "cpu", "float32"))


@pytest.fixture(scope="module")
def suite(prompts_of: Callable[..., list[Prompt]]) -> list[Prompt]:
    return prompts_of(4)


@pytest.fixture(scope="module")
def images(suite: list[Prompt], grid_folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return grid_folder(tmp_path_factory.mktemp("tiny") / "images", suite)


@pytest.fixture(scope="module")
def undisturbed(
    suite: list[Prompt], images: Path, tiny_mplug: Judge, tmp_path_factory: pytest.TempPathFactory
) -> bytes:
    return answers(suite, images, tiny_mplug, tmp_path_factory.mktemp("undisturbed"))


def answers(
    suite: list[Prompt], images: Path, judge: Judge, out: Path, *, batch_size: int = 4, workers: int = 0
) -> bytes:
    found = find_images(images, [prompt.item_id for prompt in suite])
    outcome = judge_images(suite, found, judge, folder=out, batch_size=batch_size, workers=workers)
    assert outcome.failed == {}
    return (out / "answers.jsonl").read_bytes()


@settings(max_examples=8, deadline=None)
@given(batch_size=st.integers(1, 20), stop=st.integers(0, 12))
def test_batch_size_and_interruption_change_no_byte(
    *,
    batch_size: int,
    stop: int,
    suite: list[Prompt],
    images: Path,
    tiny_mplug: Judge,
    undisturbed: bytes,
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    out = tmp_path_factory.mktemp("out")
    try:
        answers(suite, images, Interrupted(tiny_mplug, stop), out, batch_size=batch_size)
    except KeyboardInterrupt:
        assert undisturbed.startswith((out / "answers.jsonl").read_bytes())
    assert answers(suite, images, tiny_mplug, out, batch_size=batch_size) == undisturbed


def test_worker_processes_prepare_the_same_pixels(
    *, suite: list[Prompt], images: Path, tiny_mplug: Judge, undisturbed: bytes, tmp_path: Path
) -> None:
    assert answers(suite, images, tiny_mplug, tmp_path / "out", workers=2) == undisturbed
