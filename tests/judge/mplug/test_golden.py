"""The model against the reference: inputs, activations, and all 486 answers token for token."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pytest
import torch
from torch import Tensor

from dpg_bench.judge.mplug.checkpoint import Checkpoint
from dpg_bench.judge.mplug.fusion import Fused
from dpg_bench.judge.mplug.judge import BatchLimits, MplugJudge
from dpg_bench.judge.mplug.layout import Layout
from dpg_bench.judge.mplug.tokenizer import START
from dpg_bench.judge.normalising import normalise

if TYPE_CHECKING:
    from tests.judge.mplug.conftest import Case, ExpectedAnswer

PAIRS = [(0, 0), (1, 2), (2, 6)]
"""The (image, question) pairs whose activations are kept."""


@pytest.fixture(autouse=True)
def _inference() -> object:
    with torch.inference_mode():
        yield


def _difference(found: Tensor, expected: Tensor) -> float:
    assert found.shape == expected.shape
    return float((found - expected).abs().max())


def _stack(case: Case, images: Sequence[int]) -> Tensor:
    return torch.from_numpy(np.stack([case.pixels[image] for image in images]))


def test_pixels_are_exact(case: Case) -> None:
    for image in (0, 2, 4):
        found = normalise(_stack(case, [image]))[0]
        assert _difference(found, case.activations[f"pixels.{image}"]) <= 1e-6


def test_questions_have_the_same_tokens(case: Case) -> None:
    for answer, tokens in zip(
        case.answers, case.tokenizer.encode([answer.question for answer in case.answers]), strict=True
    ):
        assert tokens + [0] * (25 - len(tokens)) == answer.input_ids


def test_image_tokens_are_within_1e_4(case: Case) -> None:
    images = [image for image, _ in PAIRS]
    visual = case.model.visual_encoder.visual(normalise(_stack(case, images)))
    tokens = case.model.image_tokens(_stack(case, images))
    for n, image in enumerate(images):
        assert _difference(visual[n], case.activations[f"visual.{image}"]) < 1e-4
        assert _difference(tokens[n], case.activations[f"image_embeds.{image}"]) < 1e-4


def test_text_and_fused_states_and_first_logits_are_within_1e_4(case: Case) -> None:
    model = case.model
    images = model.encode_images(_stack(case, [image for image, _ in PAIRS]))
    questions = case.tokenizer.encode([case.questions[question] for _, question in PAIRS])
    lengths = [len(tokens) for tokens in questions]
    layout = Layout.of(range(len(PAIRS)), len(PAIRS), lengths, model.device)
    text = model.text_states(questions)
    fused: Fused = model.fusion_encoder(images.tokens, images.fusion, text, layout)
    logits = model.start(images, questions, range(len(PAIRS))).step(torch.full((len(PAIRS),), START))

    for n, (image, question) in enumerate(PAIRS):
        real = slice(0, lengths[n])
        expected = {name: case.activations[f"{name}.{image}.{question}"] for name in ("text", "fusion_text")}
        assert _difference(text.split(lengths)[n], expected["text"][real]) < 1e-4
        assert _difference(fused.text.split(lengths)[n], expected["fusion_text"][real]) < 1e-4
        assert _difference(fused.image[n], case.activations[f"fusion_image.{image}.{question}"]) < 1e-4
        assert _difference(logits[n], case.activations[f"logits.{image}.{question}"]) < 1e-4


@pytest.mark.parametrize(("batch_size", "shuffled"), [(1, False), (7, False), (7, True), (64, False), (64, True)])
def test_every_answer_is_the_same_token_for_token(case: Case, batch_size: int, shuffled: bool) -> None:
    answers = list(case.answers)
    if shuffled:
        answers = [answers[n] for n in np.random.default_rng(batch_size).permutation(len(answers))]
    for start in range(0, len(answers), batch_size):
        _check_batch(case, answers[start : start + batch_size])


def _check_batch(case: Case, batch: Sequence[ExpectedAnswer]) -> None:
    batch = sorted(batch, key=lambda answer: answer.image)
    images = sorted({answer.image for answer in batch})
    encoded = case.model.encode_images(_stack(case, images))
    questions = case.tokenizer.encode([answer.question for answer in batch])
    hypotheses = case.model.answer(encoded, questions, [images.index(answer.image) for answer in batch])
    for hypothesis, answer in zip(hypotheses, batch, strict=True):
        assert list(hypothesis.tokens) == answer.tokens
        assert abs(hypothesis.score - answer.score) < 1e-4
        assert case.tokenizer.decode(hypothesis.tokens) == answer.answer


@pytest.mark.parametrize("limits", [BatchLimits(images=1, questions=1), BatchLimits(images=4, questions=7)])
def test_the_judge_answers_questions_of_many_images_at_once(case: Case, limits: BatchLimits) -> None:
    judge = MplugJudge(Checkpoint(case.checkpoint, "test", None, {}), device="cpu", dtype="float32", limits=limits)
    asked: list[list[ExpectedAnswer]] = [[] for _ in case.pixels]
    for number, answer in enumerate(case.answers):
        if answer.image != 3 and number % 4 != answer.image % 4:
            asked[answer.image].append(answer)
    found = judge.answer(case.pixels, [[answer.question for answer in image] for image in asked])
    assert [[reply.text for reply in image] for image in found] == [
        [answer.answer for answer in image] for image in asked
    ]
