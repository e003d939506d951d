"""What decides how a GPU multiplies matrices holds while the judge is at work, and for it alone."""

from __future__ import annotations

import pytest
import torch

from dpg_bench.judge.mplug.precision import Linear, products, weights_dtype


def _chosen() -> tuple[str, bool, bool]:
    matmul = torch.backends.cuda.matmul
    return (
        torch.get_float32_matmul_precision(),
        matmul.allow_fp16_reduced_precision_reduction,
        matmul.allow_bf16_reduced_precision_reduction,
    )


@pytest.mark.parametrize(
    ("precision", "chosen"), [("float32", "highest"), ("tf32", "high"), ("float16", "highest"), ("bfloat16", "highest")]
)
def test_products_are_as_exact_as_the_precision_says_whatever_was_chosen_before(precision: str, chosen: str) -> None:
    torch.set_float32_matmul_precision("medium")
    try:
        before = _chosen()
        with products(precision):
            assert _chosen() == (chosen, False, False)
        assert _chosen() == before
        with pytest.raises(ValueError, match="fails"), products(precision):
            raise ValueError("fails")
        assert _chosen() == before
    finally:
        torch.set_float32_matmul_precision("highest")


def test_tf32_weights_are_float32() -> None:
    assert weights_dtype("tf32") == torch.float32
    assert weights_dtype("bfloat16") == torch.bfloat16


def test_a_linear_layer_takes_any_precision_and_answers_in_its_own() -> None:
    layer = Linear(4, 3).to(torch.bfloat16)
    assert layer(torch.randn(2, 4)).dtype == torch.bfloat16
    assert layer(torch.randn(2, 4, dtype=torch.bfloat16)).dtype == torch.bfloat16
