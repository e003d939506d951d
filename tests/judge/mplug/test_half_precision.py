"""In half precision, what must not lose digits is computed in float32, and the golden answers stay what they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pytest
import torch
from torch import Tensor, nn

from dpg_bench.judge.mplug.attention import KeysValues, attend, attend_to_both
from dpg_bench.judge.mplug.beam import BeamSearch
from dpg_bench.judge.mplug.bert import Output
from dpg_bench.judge.mplug.checkpoint import Checkpoint
from dpg_bench.judge.mplug.decoder import Predictions
from dpg_bench.judge.mplug.judge import MplugJudge
from dpg_bench.judge.mplug.ragged import Groups
from dpg_bench.judge.mplug.tokenizer import END
from dpg_bench.judge.mplug.vision import Block
from dpg_bench.judge.mplug.weights import load_model

if TYPE_CHECKING:
    from tests.judge.mplug.conftest import Case

CPU = torch.device("cpu")
half_precisions = pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])


def test_float16_changes_no_golden_answer(case: Case) -> None:
    judge = MplugJudge(Checkpoint(case.checkpoint, "golden", None, {}), device="cpu", dtype="float16")
    answers = judge.answer(case.pixels, [case.questions] * len(case.pixels))
    expected = {(answer.image, answer.question): answer.answer for answer in case.answers}
    found = {
        (image, question): answer.text
        for image, texts in enumerate(answers)
        for question, answer in zip(case.questions, texts, strict=True)
    }
    assert found == expected


@half_precisions
def test_between_the_products_states_are_float32(case: Case, dtype: torch.dtype) -> None:
    model = load_model(case.model.config, case.checkpoint, device=CPU, precision=str(dtype).removeprefix("torch."))
    seen: dict[str, set[torch.dtype]] = {}

    def note(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        seen.setdefault(type(module).__name__, set()).update({inputs[0].dtype, output.dtype})

    for module in model.modules():
        if isinstance(module, nn.LayerNorm | Block | Output | Predictions):
            module.register_forward_hook(note)
    with torch.inference_mode():
        images = model.encode_images(torch.tensor(case.pixels[0][None]))
        model.answer(images, case.tokenizer.encode(case.questions[:2]), [0, 0])
    assert seen.pop("Output") == {dtype, torch.float32}  # takes what a product gave, and adds it to the residual
    assert seen == {name: {torch.float32} for name in ("LayerNorm", "Block", "Predictions")}
    assert {memory.keys.dtype for memory in images.fusion} == {dtype}


@half_precisions
@pytest.mark.parametrize("keys", [9, 1297])
def test_the_weights_of_attention_lose_no_digits_to_the_number_of_keys(dtype: torch.dtype, keys: int) -> None:
    drawn = torch.Generator().manual_seed(1)
    groups = Groups.of([4], CPU)
    queries = torch.randn(4, 2, 8, generator=drawn).to(dtype)
    memory = KeysValues(*(torch.randn(1, 2, keys, 8, generator=drawn).to(dtype) for _ in range(2)))
    ones = KeysValues(memory.keys, torch.ones_like(memory.values))
    assert (attend(queries, groups, ones).double() - 1).abs().max() <= 2 * torch.finfo(dtype).eps
    both = attend_to_both(queries, groups, ones, groups, ones)
    assert (both.double() - 1).abs().max() <= 2 * torch.finfo(dtype).eps


@half_precisions
def test_log_probabilities_are_float32(dtype: torch.dtype) -> None:
    logits = torch.full((1, 300), -3.0, dtype=dtype)
    logits[0, 200], logits[0, END] = 1.0, -2.0
    (hypothesis,) = BeamSearch(beam_size=1, min_length=1, max_length=1).run(_Constant(logits), 1, CPU)
    assert hypothesis.tokens[1] == 200
    assert abs(hypothesis.score - float(logits.double().log_softmax(-1)[0, 200])) < 1e-6


class _Constant:
    """A decoder that always says the same."""

    def __init__(self, logits: Tensor) -> None:
        self._logits = logits

    def step(self, tokens: Tensor) -> Tensor:
        return self._logits.expand(len(tokens), -1)

    def select(self, questions: Sequence[int], beams: Tensor) -> None:
        raise AssertionError(f"one step is all there is, not {questions} {beams}")
