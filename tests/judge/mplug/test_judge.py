"""The judge as the benchmark sees it, on the toy checkpoint."""

from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from dpg_bench.judge.base import Judge, JudgeSettings
from dpg_bench.judge.mplug.checkpoint import WEIGHTS_FILE, Checkpoint
from dpg_bench.judge.mplug.judge import BatchLimits, MplugJudge
from dpg_bench.judge.mplug.spec import TINY_MPLUG
from dpg_bench.judge.mplug.tiny import tiny_checkpoint, write_tiny_checkpoint
from dpg_bench.judge.resizing import Squash
from dpg_bench.plugins import NoOptions
from dpg_bench.records import Reply

QUESTIONS = [
    "Is there a man?",
    "Is the car on the left of the house?",
    "Are there two dogs?",
    "Is the lighthouse white with a red stripe?",
    "Is the style of the image watercolor?",
    "Is the sky blue?",
]


def _settings(dtype: str = "float32") -> JudgeSettings:
    return JudgeSettings("tiny-mplug", NoOptions(), "cpu", dtype)


@pytest.fixture(scope="module")
def judge(tiny_folder: Path) -> Judge:
    return MplugJudge(Checkpoint(tiny_folder, "here", None, {}), device="cpu", dtype="float32")


@pytest.fixture(scope="module")
def pixels(judge: Judge) -> list[np.ndarray]:
    noise = np.random.default_rng(0)
    colours = [Image.new("RGB", (64, 48), tuple(noise.integers(0, 256, 3).tolist())) for _ in range(3)]
    grains = [Image.fromarray(noise.integers(0, 256, (80, 80, 3), dtype=np.uint8)) for _ in range(3)]
    return [judge.preprocess(image) for image in colours + grains]


def texts(replies: list[list[Reply]]) -> list[list[str]]:
    return [[reply.text for reply in image] for image in replies]


def test_its_answers_depend_on_the_image_and_on_the_question(judge: Judge, pixels: list[np.ndarray]) -> None:
    answers = texts(judge.answer(pixels, [QUESTIONS] * len(pixels)))
    assert {answer for image in answers for answer in image} >= {"yes", "no"}
    assert any(len(set(image)) > 1 for image in answers)
    assert any(len(set(image)) > 1 for image in zip(*answers, strict=True))


@pytest.fixture(scope="module")
def alone(judge: Judge, pixels: list[np.ndarray]) -> dict[tuple[int, str], str]:
    """Every image's answer to every question, asked on its own."""
    return {
        (image, question): judge.answer([pixels[image]], [[question]])[0][0].text
        for image in range(len(pixels))
        for question in QUESTIONS
    }


@settings(max_examples=15, deadline=None)
@given(data=st.data(), limits=st.builds(BatchLimits, images=st.integers(1, 4), questions=st.integers(1, 7)))
def test_an_answer_depends_on_its_own_image_and_question_alone(
    alone: dict[tuple[int, str], str],
    tiny_folder: Path,
    pixels: list[np.ndarray],
    data: st.DataObject,
    limits: BatchLimits,
) -> None:
    limited = MplugJudge(Checkpoint(tiny_folder, "here", None, {}), device="cpu", dtype="float32", limits=limits)
    images = data.draw(st.lists(st.integers(0, len(pixels) - 1), max_size=6))
    asked = [data.draw(st.lists(st.sampled_from(QUESTIONS), max_size=6)) for _ in images]
    expected = [
        [alone[image, question] for question in questions] for image, questions in zip(images, asked, strict=True)
    ]
    assert texts(limited.answer([pixels[image] for image in images], asked)) == expected


@settings(max_examples=15, deadline=None)
@given(data=st.data())
def test_on_a_cpu_a_reply_is_the_same_to_the_last_bit_in_any_company(
    judge: Judge, pixels: list[np.ndarray], data: st.DataObject
) -> None:
    images = data.draw(st.lists(st.integers(0, len(pixels) - 1), min_size=1, max_size=5))
    alone = [judge.answer([pixels[image]], [QUESTIONS])[0] for image in images]
    assert judge.answer([pixels[image] for image in images], [QUESTIONS] * len(images)) == alone


def test_a_reply_says_yes_where_yes_is_likelier_than_no(judge: Judge, pixels: list[np.ndarray]) -> None:
    replies = [reply for image in judge.answer(pixels, [QUESTIONS] * len(pixels)) for reply in image]
    said = [reply for reply in replies if reply.text in ("yes", "no")]
    assert {reply.text for reply in said} == {"yes", "no"}
    assert all(reply.p_yes is not None and (reply.p_yes > 0.5) == (reply.text == "yes") for reply in said)
    assert all(reply.log_prob is not None and reply.log_prob < 0 for reply in replies)


def test_no_images_and_no_questions_are_no_answers(judge: Judge, pixels: list[np.ndarray]) -> None:
    assert judge.answer([], []) == []
    assert judge.answer(pixels[:2], [[], []]) == [[], []]


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_answers_too(dtype: str, judge: Judge, pixels: list[np.ndarray]) -> None:
    half = TINY_MPLUG.load(_settings(dtype))
    answers = texts(half.answer(pixels, [QUESTIONS] * len(pixels)))
    assert all(answer in {"yes", "no", "two", "red"} for image in answers for answer in image)
    assert half.fingerprint != judge.fingerprint


def test_the_fingerprint_follows_the_weights_and_not_the_place(judge: Judge, checkpoint: Path) -> None:
    def fingerprint() -> str:
        return MplugJudge(Checkpoint(checkpoint, "elsewhere", None, {}), device="cpu", dtype="float32").fingerprint

    assert fingerprint() == judge.fingerprint
    content = torch.load(checkpoint / WEIGHTS_FILE, weights_only=True)
    content["model"]["visn_fc.bias"][0] += 1
    torch.save(content, checkpoint / WEIGHTS_FILE)
    assert fingerprint() != judge.fingerprint


def test_the_provenance_says_where_the_weights_come_from() -> None:
    judge = TINY_MPLUG.load(_settings())
    assert judge.provenance["source"] == "built from a seed"
    assert judge.provenance["dtype"] == "float32"
    assert len(judge.provenance["weights"]) == 64
    assert judge.provenance["config"]["vision"]["beam_size"] == 5


def test_the_toy_checkpoint_is_the_same_every_time(tmp_path: Path) -> None:
    write_tiny_checkpoint(tmp_path)
    first = tiny_checkpoint().folder
    again = tiny_checkpoint().folder
    assert first == again
    for path in tmp_path.iterdir():
        assert path.read_bytes() == (first / path.name).read_bytes()
    assert not [path for path in first.parent.iterdir() if path.name.startswith(".part")]


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "P", "CMYK", "I;16"])
def test_preprocessing_takes_any_mode_and_survives_pickling(mode: str) -> None:
    preprocess = pickle.loads(pickle.dumps(Squash(28)))
    image = Image.new(mode, (50, 30))
    pixels = preprocess(image)
    assert pixels.shape == (28, 28, 3)
    assert pixels.dtype == np.uint8
